"""Which controls of a slide the address keeps: the one table, for the browser and for the tests.

The address holds the values that differ from a scene's first ones, as "layer.5--tab.heads" (see address.js). The scene,
language, model, picture, input size and framing have names of their own in the address.
"""

from __future__ import annotations

import re

#: The names of the view's values by scene. A control that is not listed here has to say so in its help.
KEPT = {
    "cnn": ("at", "conv", "layer", "swap"),
    "bias": ("show", "kind", "at", "seed", "shift"),
    "language": ("sentence", "layer", "head", "step", "words", "words_key", "patches", "patches_key"),
    "patches": ("size", "image", "patch", "x", "y", "from"),
    "positions": ("tab", "at", "seed"),
    "encoder": ("layer", "at", "residual", "place"),
    "attention": ("tab", "layer", "head", "at", "key", "step", "temperature"),
    "mlp": ("layer", "at", "unit", "map"),
    "features": ("step", "layer", "at"),
    "head": ("of", "compare", "layer", "channel", "near"),
    "summary": ("step",),
    "outliers": ("layer", "show"),
    "training": ("of",),
}
#: Values of a view that are no control: the number of a measurement that goes on, and the patch whose numbers were
#: asked for, which follows "at".
NO_CONTROL = {"bias": ("ticket",), "features": ("from",)}
_TEXT = re.compile(r"[A-Za-z0-9._-]{1,4000}")


def checked(text: object) -> str | None:
    """What the browser sends for the address, if it can be such a text."""
    return text if isinstance(text, str) and _TEXT.fullmatch(text) else None
