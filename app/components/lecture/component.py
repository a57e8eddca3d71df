"""The lecture's stage: ten scenes, drawn in the browser from what `app.lecture` computed.

One mount. Its data is one binary a scene: the words in the reader's language, the numbers and the arrays. What the
person does inside a scene is answered in the browser; what needs the model comes back as the trigger "said", and the
fragment around it answers with the next binary. The stage says one thing at a time: the answer names what it heard.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from app.components.atlas.payload import assemble, colour_tables
from app.lecture import SCENES, Scene, Stage

HERE = Path(__file__).parent
#: Joined in this order into one module; the reader of binaries is the atlas' own.
SCRIPTS = (
    "../atlas/payload",
    "text",
    "figures",
    "controls",
    *(f"scenes/{name}" for name in SCENES),
    "stage",
    "lecture",
)
STYLES = ("lecture", *(f"scenes/{name}" for name in SCENES))


def _joined(names: tuple[str, ...], ending: str) -> str:
    paths = (HERE / f"{name}.{ending}" for name in names)
    return "\n".join(path.read_text(encoding="utf-8") for path in paths if path.exists())


def script() -> str:
    """The scripts as the one module that the browser gets."""
    return _joined(SCRIPTS, "js")


_piece = st.components.v2.component(
    "vitrine_lecture", html='<div class="lecture"></div>', css=_joined(STYLES, "css"), js=script()
)


def pack(stage: Stage, scene: str, content: Scene, want: dict, words: dict, frame: dict) -> bytes:
    """One scene as one binary. `words`: `app.text.lecture.words`; `frame`: what surrounds the scene, plain JSON."""
    picture = io.BytesIO()
    stage.result.region.convert("RGB").save(picture, "WEBP", quality=90, method=0)
    viridis, diverging = colour_tables()
    header = {
        "scene": scene,
        "want": want,
        "words": words,
        "numbers": content.numbers,
        "frame": frame,
        "grid": stage.result.grid,
        "prefix": stage.result.prefix_names,
        "aspect": stage.result.patch_aspect,
    }
    return assemble(
        header, {"picture": picture.getvalue(), "viridis": viridis, "diverging": diverging, **content.arrays}
    )


def lecture(data: bytes, heard: int, *, key: str, on_said: Callable[[], None]) -> None:
    """Mount the stage. `heard`: the number of the last message that this answers, 0 before the first.

    Trigger "said": {"scene": .., "want": what it asks its scene, "orders": "language" or "picture" each, "number": ..}.
    """
    _piece(key=key, data=data + heard.to_bytes(4, "little"), on_said_change=on_said)
