"""The sidebar of every page: language, picture and model."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from app import state
from app.components.window.component import window
from app.explore.result import digest_of
from app.mistakes import cached, requests
from app.model_box import choose_model
from app.runtime import cache
from app.state import Key, Picture
from app.text import LANGUAGES
from app.text.markup import css_words
from app.text.plain import escaped, plain
from vit_core import InputError
from vit_core.images import read_image


def show(picture: bool = True) -> None:
    """Draw the sidebar. Every page has it, so that the choice stays when the page changes.

    Without `picture`, the choice of the picture is hidden, and the model is that of the next evaluation. (It is still
    drawn: Streamlit would forget an uploaded file.)
    """
    t = state.t()
    with st.sidebar:
        st.segmented_control(
            t("side.language"),
            list(LANGUAGES),
            format_func=LANGUAGES.get,
            key=Key.LANGUAGE,
            required=True,
            label_visibility="collapsed",
            persist_state="session",
        )
        with st.container(key="side_picture" if picture else "side_picture_hidden"):
            choose_picture()
        choose_model(t("side.model" if picture else "side.model.next"))
    state.remember_choice()


def choose_picture() -> None:
    """Put the chosen picture into the session. If it cannot be read, say so and keep the last one."""
    t = state.t()
    options = ("sample", "file", "camera") + ("mistakes",) * bool(state.get(Key.EVALUATED))
    state.one_of(Key.SOURCE, options)
    source = st.segmented_control(
        t("side.picture"),
        options,
        key=Key.SOURCE,
        required=True,
        format_func=lambda o: t(f"side.source.{o}"),
        width="stretch",
        persist_state="session",
    )
    {"sample": _sample, "file": _file, "mistakes": _evaluated, "camera": _camera}[source]()
    source_before = window(t.language, source)
    if source_before not in (None, source):  # the server lost that session: this one has begun with a sample
        state.put(Key.LOST_SAMPLE, state.get(Key.SAMPLE))
    if source == "sample" and state.get(Key.LOST_SAMPLE) == state.get(Key.SAMPLE):  # nothing was chosen since
        st.warning(t("side.lost"), icon=":material/history:")


def _sample() -> None:
    t, listed = state.t(), cache.samples()
    state.one_of(Key.SAMPLE, list(listed))
    file = state.select_box(
        t("side.sample"),
        Key.SAMPLE,
        list(listed),
        label_visibility="collapsed",
        format_func=lambda f: listed[f][f"title_{t.language}"],
    )
    entry = listed[file]
    if read_picture(f"sample {file}", (cache.SAMPLES / file).read_bytes, entry[f"title_{t.language}"]):
        st.caption(t("side.credit", author=entry["author"], licence=entry["licence"]))


def _file() -> None:
    t = state.t()
    # Streamlit's own words are English; style.css puts these in their place.
    words = {word: t(f"side.file.{word}") for word in ("choose", "limit", "drop", "refused")}
    st.html(css_words(".st-key-upload", **words))
    upload = st.file_uploader(t("side.file"), key=Key.UPLOAD, max_upload_size=20, help=t("side.file.help"))
    if upload and read_picture(upload.file_id, upload.getvalue, upload.name):
        st.caption(t("side.stays"))


def _evaluated() -> None:
    """A picture that was opened from an evaluation."""
    t = state.t()
    name, path = state.get(Key.EVALUATED_RUN), state.get(Key.EVALUATED)
    out = requests.run_folder(name, cache.upload().folder)
    if read_picture(f"evaluated {name} {path}", lambda: cached.evaluation(out).data(path), plain(path)):
        st.caption(t("mistakes.side", name=escaped(path)))
    st.page_link("mistakes/page.py", label=t("mistakes.side.back"), icon=":material/arrow_back:")


def _camera() -> None:
    t = state.t()
    st.html(css_words(".st-key-camera", **{word: t(f"side.camera.{word}") for word in ("shoot", "again", "allow")}))
    shot = st.camera_input(t("side.camera"), key=Key.CAMERA, label_visibility="collapsed")
    if shot and read_picture(shot.file_id, shot.getvalue, t("title.camera")):
        st.caption(t("side.stays"))


def read_picture(identity: str, data: Callable[[], bytes], title: str) -> bool:
    """Read a picture's file into the session, once for each identity. Returns whether it can be read; if not, the
    sidebar says why, and the last picture stays."""
    t = state.t()
    if state.get(Key.PICTURE_FILE) != (identity, title):
        state.put(Key.PICTURE_FILE, (identity, title))
        state.put(Key.PICTURE_ERROR, None)
        try:
            image = read_image(data())
            file = identity.removeprefix("sample ")
            entry = cache.samples().get(file)
            state.put(Key.PICTURE, Picture(digest_of(image), image, title, file if entry else None))
            state.put(Key.EXPECTED, entry and (entry["model"], entry["class"]))
        except InputError as error:
            state.put(Key.PICTURE_ERROR, error)
    error, picture = state.get(Key.PICTURE_ERROR), state.picture()
    if error:
        st.error(escaped(t.error(error), 2000), icon=":material/broken_image:")
        if picture:
            st.caption(t("last.picture", name=escaped(picture.title)))
        return False
    info = picture.image.info
    if "frames" in info:
        st.caption(t("side.frames", count=f"{info['frames']:,}"))
    if "pages" in info:
        st.caption(t("side.pages", count=f"{info['pages']:,}"))
    if "part" in info:
        st.caption(t("side.part", part=info["part"]))
    return True
