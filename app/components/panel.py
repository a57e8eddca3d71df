"""Widgets that every page's panels share."""

from __future__ import annotations

import contextlib
import html
from collections.abc import Callable, Iterator

import streamlit as st

from app import figures, state
from app.figures import two_digits
from vit_core import VisionTransformer, best_device


def title(heading: str, sentences: str) -> None:
    """A figure's title and the sentences beneath it, in one message to the browser. Markdown."""
    st.markdown(f"### {heading}\n\n{sentences}")


def fold(label: str, equation: str, sentences: str) -> None:
    """An equation above sentences, folded away under `label`."""
    with st.expander(label):
        st.markdown(f"$$\n{equation}\n$$\n\n{sentences}")


def chart(
    figure: figures.Finished,
    key: str,
    on_select: Callable | str = "ignore",
    height: int | str = "content",
    alt: str | None = None,
) -> None:
    """A plotly figure with the settings that all figures share."""
    st.plotly_chart(
        figure, key=key, on_select=on_select, selection_mode="points", config=figures.CONFIG, height=height, alt=alt
    )


#: The parts of what is drawn in grey while a page waits; panel.css arranges them.
SHAPES = {"workbench": 2, "slide": 2, "maps": 3, "figure": 1, "lines": 3}


@contextlib.contextmanager
def waiting(sentence: str | None, shape: str = "figure") -> Iterator[None]:
    """Shows a sentence, plain text, above the grey shape of what comes; only if that takes more than half a second.

    What the block draws appears when it ends. `shape` is one of SHAPES. Without a sentence, nothing is shown.
    """
    place = st.empty()
    if sentence:
        said, parts = f'<p role="status">{html.escape(sentence)}</p>', "<i></i>" * SHAPES[shape]
        place.html(f'<div class="waiting waiting-{shape}">{said}<div>{parts}</div></div>')
    try:
        yield
    finally:
        place.empty()


def waiting_for_figure(seconds: float) -> contextlib.AbstractContextManager[None]:
    """`waiting` while a figure is computed, which took `seconds` the last time. A long time is in the sentence."""
    return waiting(busy("figure", seconds))


def busy(what: str, seconds: float, **values: str) -> str:
    """The sentence while a "figure", a model's "result" or a "model" is awaited, which took `seconds` the last time."""
    t = state.t()
    if seconds < 2:
        return t(f"busy.{what}", **values)
    return t(f"busy.{what}.took", time=t("time.s", value=two_digits(seconds)), **values)


def cpu_note(model: VisionTransformer, fell_back: bool) -> str | None:
    """A sentence if the CPU runs this because another device has too little memory.

    `fell_back`: whether only this picture was moved to the CPU.
    """
    t, device = state.t(), next(model.parameters()).device
    if fell_back:
        return t("side.model.fell")
    return t("side.model.kept") if device.type != best_device().type else None
