"""Sets the page's language for screen readers, and reruns the page when it finds its server again. Shows nothing."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.components.assets import joined

_component = st.components.v2.component("vitrine_window", js=joined(Path(__file__).parent, ["window"], "js"))


def window(language: str, source: str) -> str | None:
    """Mount it outside of fragments, so that it reruns the whole page.

    `language`: "en" or "ko". `source`: where the page's picture comes from. In the one run after the page is connected
    again, returns the `source` that it had before; a restarted server does not know it otherwise.
    """
    return _component(key="window", data={"language": language, "source": source}, on_back_change=_nothing).back


def _nothing() -> None:
    """Streamlit needs a callback for each trigger."""
