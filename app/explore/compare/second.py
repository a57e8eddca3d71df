"""The second result of a comparison, with what is said while it is computed or impossible."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import streamlit as st
from PIL import Image

from app import state
from app.components import panel
from app.explore import cached, current, input_choice
from app.explore.compare import choice
from app.explore.result import Result
from app.runtime import cache, known_models
from app.state import Key
from app.text.plain import escaped
from vit_core import InputError
from vit_core.checkpoints import split_input, with_input
from vit_core.checkpoints.catalogue import needs_download


@contextlib.contextmanager
def result(first: Result, shape: str) -> Iterator[Result | None]:
    """The result that `first` is compared with, at the same input size and framing where its model can have them.

    None without a comparison, and, with a sentence that says why, if there is no such result. If it takes a moment, the
    page shows that it waits until the end of the block, in the `shape` of what comes.
    """
    kind = choice.kind()
    if kind is None:
        yield None
        return
    if kind == "model":
        asked = state.get(Key.WITH_MODEL), first.digest, first.picture
    else:
        picture = choice.picture()
        asked = split_input(first.name)[0], picture.digest, picture.image
    with panel.waiting(current.waits_for(*asked, input_choice.fitting), shape):
        yield _result(*asked)


def _result(name: str, digest: str, picture: Image.Image) -> Result | None:
    t = state.t()
    title = escaped(known_models.title_of(name, t))
    if needs_download(name):
        st.warning(t("compare.download", name=title), icon=":material/cloud_download:")
        return None
    try:
        cache.await_model(name)
        return cached.result(with_input(name, *input_choice.fitting(cache.model(name))), digest, picture)
    except InputError as error:
        sentence = escaped(t.error(error), 2000)
        if error.code in ("busy", "serve-gone"):
            st.warning(sentence, icon=":material/hourglass_top:")
            st.button(t("busy.again"), key="compare_again")
        else:
            st.error(t("compare.failed", name=escaped(choice.title()), error=sentence), icon=":material/error:")
        return None
