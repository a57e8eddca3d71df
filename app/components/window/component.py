"""What a page does in the browser as a whole: it says its language, and is drawn anew when its server was away. Shows
nothing.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_piece = st.components.v2.component(
    "vitrine_window", js=Path(__file__).with_name("window.js").read_text(encoding="utf-8")
)


def window(language: str, source: str) -> str | None:
    """Mount it, not in a fragment: what it asks for is a run of the whole page.

    `language`: en, ko. `source`: where the page's picture comes from. In the run after the page found its server again,
    this returns what the page had then: in a session that remembers nothing, the only word of it.
    """
    return _piece(key="window", data={"language": language, "source": source}, on_back_change=_nothing).back


def _nothing() -> None:
    """Triggers need a callback to exist."""
