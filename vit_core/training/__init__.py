"""Training the embedded models: `recipes.py` holds their settings, `loop.py` trains them."""
