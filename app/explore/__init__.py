"""The page "Explore": one picture, one model, and every figure of it."""
