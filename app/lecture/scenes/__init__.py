"""One module for each scene of the lecture: `build(stage, want)` returns its numbers."""
