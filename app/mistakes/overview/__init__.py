"""The figures and tables of a whole evaluation."""
