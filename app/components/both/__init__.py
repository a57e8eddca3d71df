"""One picture as two models see it, side by side."""
