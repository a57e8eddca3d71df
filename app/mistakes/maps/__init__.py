"""What the errors of an evaluation have in common, by where the model looked."""
