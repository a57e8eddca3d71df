"""The view "Features": maps.py computes the features' colours, panel.py shows them."""
