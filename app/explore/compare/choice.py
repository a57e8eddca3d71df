"""What is compared with the picture or the model: chosen under a button, kept in the session and the address."""

from __future__ import annotations

import streamlit as st

from app import state
from app.explore.result import digest_of
from app.runtime import cache, known_models
from app.state import Key, Picture
from app.text.markup import css_words
from app.text.plain import escaped
from vit_core import InputError
from vit_core.images import read_image

KINDS = ("picture", "model")


def kind() -> str | None:
    """What is compared: "picture", "model", or None."""
    if state.get(Key.WITH_MODEL):
        return "model"
    return "picture" if picture() else None


def picture() -> Picture | None:
    """The second picture, a sample or an uploaded one; None without one, or if the address names no sample."""
    file, held = state.get(Key.WITH), state.get(Key.WITH_PICTURE)
    if file not in cache.samples():
        return held if held and held.sample is None else None
    if held is None or held.sample != file:
        image = read_image((cache.SAMPLES / file).read_bytes())
        held = Picture(digest_of(image), image, file, file)
        state.put(Key.WITH_PICTURE, held)
    return held


def title() -> str:
    """What people call the second picture or model."""
    t, model = state.t(), state.get(Key.WITH_MODEL)
    return known_models.title_of(model, t) if model else picture_title(picture())


def picture_title(one: Picture) -> str:
    """What people call a picture, in the page's language."""
    return cache.samples()[one.sample][f"title_{state.t().language}"] if one.sample else one.title


def choose(*, sample: str | None = None, model: str | None = None, uploaded: Picture | None = None) -> None:
    """Compare with one of these; with nothing if all are None."""
    state.put(Key.WITH, sample)
    state.put(Key.WITH_MODEL, model)
    state.put(Key.WITH_PICTURE, uploaded)
    state.put(Key.WITH_ERROR, None)
    state.put(Key.ASKS, None)


def control(*, key: str) -> None:
    """A button that names what is compared, and under it the choice of a picture or a model."""
    t, now = state.t(), kind()
    label = t("compare.button.with", name=escaped(title(), 32)) if now else t("compare.button")
    held = state.get(Key.WITH_PICTURE)
    # Each choice has a popover of its own, so that choosing closes it.
    widget = f"{key}_{t.language}_{now and (state.get(Key.WITH_MODEL) or held.digest)}"
    with st.container(key=key, width="content"), st.popover(label, icon=":material/compare:", key=widget):
        if now:
            st.button(
                t("compare.stop"), key=f"{widget}_stop", icon=":material/close:", on_click=choose, width="stretch"
            )
        what = st.segmented_control(
            t("compare.what"),
            KINDS,
            default=now or KINDS[0],
            required=True,
            format_func=lambda one: t(f"compare.what.{one}"),
            key=f"{widget}_what",
            width="stretch",
        )
        {"picture": _choose_picture, "model": _choose_model}[what](widget)


def _choose_picture(widget: str) -> None:
    t, listed = state.t(), cache.samples()
    files = list(listed)
    file = st.selectbox(
        t("compare.sample"),
        files,
        index=files.index(state.get(Key.WITH)) if state.get(Key.WITH) in listed else None,
        placeholder=t("compare.sample.none"),
        format_func=lambda one: listed[one][f"title_{t.language}"],
        key=f"{widget}_sample",
    )
    if file and file != state.get(Key.WITH):
        choose(sample=file)
        st.rerun()
    with st.container(key="with_upload"):
        words = {word: t(f"side.file.{word}") for word in ("choose", "limit", "drop", "refused")}
        st.html(css_words(".st-key-with_upload", **words))
        count = state.get(Key.WITH_UPLOADS, 0)
        uploaded = st.file_uploader(
            t("compare.upload"), key=f"{Key.WITH_UPLOADS}_{count}", max_upload_size=20, help=t("side.file.help")
        )
    if error := state.get(Key.WITH_ERROR):
        st.error(escaped(t.error(error), 2000), icon=":material/broken_image:")
    if uploaded:
        _read(uploaded)
        state.put(Key.WITH_UPLOADS, count + 1)
        state.forget_file(uploaded)
        st.rerun()
    st.caption(t("compare.upload.stays"))


def _read(uploaded) -> None:
    """Compare with an uploaded picture. If it cannot be read, the popover says why, and the comparison stays."""
    try:
        image = read_image(uploaded.getvalue())
        choose(uploaded=Picture(digest_of(image), image, uploaded.name))
    except InputError as error:
        state.put(Key.WITH_ERROR, error)


def _choose_model(widget: str) -> None:
    t, chosen = state.t(), state.get(Key.WITH_MODEL)
    names = known_models.on_this_computer()
    names += [chosen] * bool(chosen and chosen not in names)  # from the address
    titles = {name: known_models.title_of(name, t) for name in names}
    name = st.selectbox(
        t("compare.model"),
        names,
        index=names.index(chosen) if chosen else None,
        placeholder=t("compare.model.none"),
        format_func=titles.get,
        key=f"{widget}_model",
    )
    if name and name != chosen:
        choose(model=name)
        st.rerun()
    st.caption(t("compare.model.here"))
