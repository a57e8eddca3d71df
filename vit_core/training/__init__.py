"""Training the embedded models: `recipes.py` and `loop.py` the small ones, `photo.py` the photo model."""
