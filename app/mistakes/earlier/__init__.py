"""The evaluations that were made before: their list, their names and notes, and how they are deleted."""
