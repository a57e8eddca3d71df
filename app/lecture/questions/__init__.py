"""One module for each question from the audience: `build(stage, want)` returns its numbers."""
