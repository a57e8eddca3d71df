"""Features as colours: a small map for each layer; the atlas shows the chosen one over its picture.

Layer, kind of feature, foreground and opacity are part of the atlas' view, so that they are in the address; this
component changes them there. The browser has the maps of all layers: choosing one sends nothing.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.components.assets import joined
from app.components.atlas.payload import Source
from app.components.pca.payload import pack, refusal

HERE = Path(__file__).parent
SCRIPTS = ("../binary", "../percent", "../atlas/shelf", "../atlas/words", "../segments", "pca")

_component = st.components.v2.component(
    "vitrine_pca",
    html=joined(HERE, ["pca"], "html"),
    css=joined(HERE, ["../segments", "pca"], "css"),
    js=joined(HERE, SCRIPTS, "js"),
)


def pca(source: Source, *, key: str, **maps) -> None:
    """Mount it on a page with the atlas of `source`. `maps` as `pack` takes them.

    Without any, it shows nothing, and the atlas says that there are no features.
    """
    _component(key=key, data=pack(source, **maps) if maps else refusal(source))
