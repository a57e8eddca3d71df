"""A list of folders and files: each is a button with its name and a few words about it.

Names are other people's: they come in as data and are set as text, never as markup.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import streamlit as st

from app.components.assets import joined

HERE = Path(__file__).parent

_view = st.components.v2.component(
    "vitrine_folders",
    html='<div class="folders" role="group"></div>',
    css=joined(HERE, ["folders"], "css"),
    js=joined(HERE, ["../line", "folders"], "js"),
)


def folder_list(
    path: str, entries: Sequence[Mapping[str, str]], label: str, *, key: str, on_open: Callable[[], None]
) -> None:
    """Mount the list of the folder `path`.

    `entries`: "name", "kind" ("folder" or "file") and "detail"; `label`: what the list is called. Trigger "open":
    {"path", "name"}, what was clicked in which folder.
    """
    data = {"path": path, "entries": [dict(entry) for entry in entries], "label": label}
    _view(key=key, data=data, on_open_change=on_open)
