"""One picture as two models see it: their predictions and maps side by side, A left and B right.

Pointing at a patch shows the same place in both. The view sends nothing back.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.components.assets import joined

HERE = Path(__file__).parent
#: Drawing is the lecture's.
SCRIPTS = ("../binary", "../percent", "../lecture/text", "../lecture/figures", "both")

_view = st.components.v2.component(
    "vitrine_both",
    html='<div class="lecture both"></div>',
    css=joined(HERE, ["../lecture/lecture", "both"], "css"),
    js=joined(HERE, SCRIPTS, "js"),
)


def both_view(payload: bytes, *, key: str) -> None:
    """Mount what `app.mistakes.earlier.side_by_side.pack` made."""
    _view(key=key, data=payload)
