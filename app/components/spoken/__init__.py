"""Tells the browser, and with it who reads aloud, in which language the page is; it shows nothing."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_piece = st.components.v2.component("vitrine_spoken",
                                    js=Path(__file__).with_name("spoken.js").read_text(encoding="utf-8"))


def spoken(language: str) -> None:
    """Mount it; `language`: en, ko."""
    _piece(key="spoken", data=language)
