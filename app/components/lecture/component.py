"""The lecture's stage as a Streamlit component: its scenes, drawn in the browser.

The component is mounted once. Its data is one binary a scene (see `payload`): words, numbers and arrays. The browser
itself answers what it can; what needs the model is sent as the trigger "message", and the fragment around the component
answers with the next binary. The stage sends one message at a time, and the answer carries that message's number.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

HERE = Path(__file__).parent


def _joined(*paths: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


def script() -> str:
    """The one JavaScript module that the browser gets. All components share the first two files."""
    first = [
        HERE.parent / "binary.js",
        HERE.parent / "percent.js",
        *(HERE / f"{name}.js" for name in ("text", "figures", "controls")),
    ]
    return _joined(
        *first,
        *sorted(HERE.glob("scenes/*.js")),
        HERE / "address.js",
        HERE / "presenter.js",
        HERE / "stage.js",
        HERE / "lecture.js",
    )


_component = st.components.v2.component(
    "vitrine_lecture",
    html='<div class="lecture"></div>',
    css=_joined(HERE / "lecture.css", *sorted(HERE.glob("scenes/*.css"))),
    js=script(),
)


def lecture(data: bytes, answered: int, *, key: str, on_message: Callable[[], None]) -> None:
    """Mount the stage. `answered`: the number of the message that `data` answers, 0 before the first.

    The trigger "message" carries {"scene", "slide" (the view, for the address), "want" (what the scene asks for),
    "orders" (each "language" or "picture"), "number"}.
    """
    _component(key=key, data=data + answered.to_bytes(4, "little"), on_message_change=on_message)
