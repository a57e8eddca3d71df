"""Widgets that every page's panels share."""

from __future__ import annotations

import contextlib
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


@contextlib.contextmanager
def waiting(sentence: str, columns: int) -> Iterator[None]:
    """A spinner with a sentence, above grey columns where the figures will stand; shown only if it takes a moment."""
    with st.spinner(sentence):
        place = st.empty()
        place.html(f'<div class="skeleton">{"<i></i>" * columns}</div>')
        yield
        place.empty()


def busy_figure(seconds: float) -> str:
    """The spinner's words while a figure is computed; if it took `seconds` and that is long, they say so."""
    return _busy("figure", seconds)


def busy_model(seconds: float) -> str:
    """Like `busy_figure`, while the model runs."""
    return _busy("result", seconds)


def _busy(what: str, seconds: float) -> str:
    t = state.t()
    return t(f"busy.{what}.took", time=t("time.s", value=two_digits(seconds))) if seconds >= 2 else t(f"busy.{what}")


def cpu_note(model: VisionTransformer, fell_back: bool) -> str | None:
    """A sentence if the CPU runs this because another device has too little memory.

    `fell_back`: whether only this picture was moved to the CPU.
    """
    t, device = state.t(), next(model.parameters()).device
    if fell_back:
        return t("side.model.fell")
    return t("side.model.kept") if device.type != best_device().type else None
