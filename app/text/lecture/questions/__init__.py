"""One file for each question from the audience, as those of the scenes."""
