"""Why the model gives an answer: the maps of several attribution methods, with their scores."""
