"""A ZIP archive of class folders that a visitor uploads. It belongs to the browser's session alone."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app import state
from app.components.panel import waiting
from app.mistakes import requests, start
from app.mistakes.requests import EvaluationRequest
from app.mistakes.sources import check
from app.mistakes.view import error_markdown
from app.runtime import cache
from app.runtime.uploads import MAX_UPLOAD_MB
from app.state import Key
from app.text.markup import css_words
from app.text.plain import escaped
from vit_core import InputError
from vit_core.data import open_dataset


def show(model: str | None) -> None:
    """The field for an archive, or what was found in the one that is there."""
    t, upload = state.t(), cache.upload()
    if upload.file is None:
        _field(model)
        return
    request = EvaluationRequest(model or "", str(upload.file))
    if (state.get(Key.CHECKED) or (None,))[0] != request:
        st.markdown(f":material/folder_zip: **{escaped(upload.file.name, 60)}**")
        if st.button(t("mistakes.new.check"), key="zip_check"):
            state.put(Key.CHECKED, check.preview(request))
    check.show(request)
    st.caption(t("mistakes.zip.kept"))
    _delete_button("zip_delete")


def notice() -> None:
    """Below the first line of an evaluation of uploaded pictures: how long they are kept, and a button to delete."""
    t = state.t()
    with st.container(horizontal=True, vertical_alignment="center", key="upload_notice"):
        st.caption(t("mistakes.zip.notice"), width="content", help=t("mistakes.zip.kept"))
        _delete_button("upload_delete")


def _field(model: str | None) -> None:
    t, key = state.t(), f"archive_{state.get(Key.UPLOAD_VERSION, 0)}"
    words = {word: t(f"side.file.{word}") for word in ("choose", "drop")}
    words |= {word: t(f"mistakes.zip.{word}", mb=MAX_UPLOAD_MB) for word in ("limit", "refused")}
    with st.container(key="archive_place"):
        st.html(css_words(".st-key-archive_place", **words))
        file = st.file_uploader(t("mistakes.zip"), type="zip", key=key, max_upload_size=MAX_UPLOAD_MB)
    if error := state.get(Key.UPLOAD_ERROR):
        st.error(error, icon=":material/error:")
    st.caption(t("mistakes.zip.how"))
    st.caption(t("mistakes.zip.kept"))
    if file:
        _keep(file, model)
        state.forget_file(file)
        state.put(Key.UPLOAD_VERSION, state.get(Key.UPLOAD_VERSION, 0) + 1)
        st.rerun()


def _keep(file, model: str | None) -> None:
    """Store an uploaded archive if it holds labelled pictures; else remember why not."""
    upload = cache.upload()
    state.put(Key.UPLOAD_ERROR, None)
    try:
        with waiting(state.t()("mistakes.new.busy"), "lines"):
            stored = upload.keep(file.name, file.getvalue())
            open_dataset(stored)
    except InputError as error:
        state.put(Key.UPLOAD_ERROR, error_markdown(_without_folder(error, upload.file)))
        cache.delete_upload(upload)
    except OSError as error:
        state.put(Key.UPLOAD_ERROR, state.t()("mistakes.zip.disk", reason=escaped(error.strerror or error)))
    else:
        state.put(Key.CHECKED, check.preview(EvaluationRequest(model or "", str(stored))))


def _without_folder(error: InputError, file: Path) -> InputError:
    """The error with the archive's name in place of its path, which is the server's affair."""

    def shorten(value):
        return value.replace(str(file), file.name) if isinstance(value, str) else value

    return InputError(error.code, shorten(str(error)), **{name: shorten(v) for name, v in error.values.items()})


def _delete_button(key: str) -> None:
    st.button(state.t()("mistakes.zip.delete"), icon=":material/delete:", key=key, on_click=_delete)


def _delete() -> None:
    """Delete the archive and its evaluations, and show another evaluation if one of them is shown."""
    upload = cache.upload()
    shown = requests.run_folder(state.get(Key.RUN), upload.folder)
    if upload.folder and shown.parent == upload.folder:
        start.show_run(None)
    state.put(Key.CHECKED, None)
    cache.delete_upload(upload)
