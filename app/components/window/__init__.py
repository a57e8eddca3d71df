"""Tells the browser window the page's language, and reloads the page after the server was away."""
