"""What every page has at its side: language, picture and model; and the result they lead to."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from app import state
from app.components.window.component import window
from app.explore import panels
from app.explore.result import Result
from app.figures import two_digits
from app.runtime import cache
from app.text import LANGUAGES
from app.text.markup import worded
from app.text.plain import escaped, plain
from vit_core import InputError
from vit_core.images import read_image

OTHER = "other"


def show() -> None:
    """Language, picture and model. Part of every page, so that what is chosen stays when the page changes."""
    t = state.t()
    with st.sidebar:
        st.segmented_control(
            t("side.language"),
            list(LANGUAGES),
            format_func=LANGUAGES.get,
            key="lang",
            required=True,
            label_visibility="collapsed",
            persist_state="session",
        )
        choose_picture()
        state.put("named", choose_model())
    state.put("drawn", chosen())


def chosen() -> tuple:
    """What is chosen at the side, as the browser last said it."""
    source, model = state.get("source"), state.get("model")
    picture = state.get({"sample": "sample", "file": "upload", "camera": "camera"}.get(source, "mistake"))
    return (
        state.get("lang"),
        source,
        getattr(picture, "file_id", picture),
        model,
        model == OTHER and state.get("model_name"),
    )


def catch_up() -> None:
    """Draw the whole page where it was drawn from another choice. A fragment that speaks by itself begins with this:
    what the browser says in the same moment comes as that fragment's, and no run of the whole page would follow."""
    if state.get("drawn") != chosen():
        st.rerun()


def choose_picture() -> None:
    """Put the chosen picture into the session; what cannot be read is said, and the last good one stays."""
    t = state.t()
    options = ("sample", "file", "camera") + ("mistakes",) * bool(state.get("mistake"))
    state.one_of("source", options)
    source = st.segmented_control(
        t("side.picture"),
        options,
        key="source",
        required=True,
        format_func=lambda o: t(f"side.source.{o}"),
        width="stretch",
        persist_state="session",
    )
    if source == "sample":
        listed = cache.samples()
        state.one_of("sample", list(listed))
        file = st.selectbox(
            t("side.sample"),
            list(listed),
            **state.worded("sample"),
            label_visibility="collapsed",
            format_func=lambda f: listed[f][f"title_{t.language}"],
        )
        entry = listed[file]
        if take(f"sample {file}", (cache.SAMPLES / file).read_bytes, entry[f"title_{t.language}"]):
            st.caption(t("side.credit", author=entry["author"], licence=entry["licence"]))
    elif source == "file":
        st.html(
            worded(
                ".st-key-upload", **{word: t(f"side.file.{word}") for word in ("choose", "limit", "drop", "refused")}
            )
        )  # Streamlit's own are English: style.css puts these in their place
        upload = st.file_uploader(t("side.file"), key="upload", max_upload_size=20, help=t("side.file.help"))
        if upload and take(upload.file_id, upload.getvalue, upload.name):
            st.caption(t("side.stays"))
    elif source == "mistakes":  # one that the page of mistakes was asked to open
        path, data, digest = state.get("mistake")
        if take(f"mistake {digest}", lambda: data, plain(path)):
            st.caption(t("mistakes.side", name=escaped(path)))
        st.page_link("mistakes/page.py", label=t("mistakes.side.back"), icon=":material/arrow_back:")
    else:
        st.html(worded(".st-key-camera", **{word: t(f"side.camera.{word}") for word in ("shoot", "again", "allow")}))
        shot = st.camera_input(t("side.camera"), key="camera", label_visibility="collapsed")
        if shot and take(shot.file_id, shot.getvalue, t("title.camera")):
            st.caption(t("side.stays"))
    before = window(t.language, source)
    if before not in (None, source):  # this session knows nothing of that page: it has begun with a sample
        state.put("lost", state.get("sample"))
    if source == "sample" and state.get("lost") == state.get("sample"):  # until something is chosen
        st.warning(t("side.lost"), icon=":material/history:")


def take(identity: str, data: Callable[[], bytes], title: str) -> bool:
    """Read a picture's file, once for each identity. Where it is bad, say so and keep the last good picture."""
    t = state.t()
    if state.get("taken") != (identity, title):
        state.put("taken", (identity, title))
        state.put("refused", None)
        try:
            state.set_picture(read_image(data()), title)
            entry = cache.samples().get(identity.removeprefix("sample "))
            state.put("expected", entry and (entry["model"], entry["class"]))
        except InputError as error:
            state.put("refused", error)
    refused = state.get("refused")
    if refused:
        st.error(escaped(t.error(refused), 2000), icon=":material/broken_image:")
        if state.picture():
            st.caption(t("last.picture", name=escaped(state.picture()[2])))
        return False
    info = state.picture()[1].info
    if "frames" in info:
        st.caption(t("side.frames", count=f"{info['frames']:,}"))
    if "part" in info:
        st.caption(t("side.part", part=info["part"]))
    return True


def choose_model() -> str | None:
    """The model's name; a source that needs completing has a field to type in."""
    t = state.t()
    titles = {"embedded:photo": t("model.photo"), "embedded:fashion": t("model.fashion")}
    embedded = {a.name: titles.get(a.name, a.title) for a in cache.sources() if a.source == "embedded"}
    named = state.get("model")
    if named and named not in embedded and named != OTHER:  # from the address
        state.put("model_name", named)
        state.put("model", OTHER)
    options = [*sorted(embedded, key=lambda name: name != "embedded:photo"), OTHER]
    state.one_of("model", options)
    choice = st.selectbox(
        t("side.model"),
        options,
        **state.worded("model"),
        format_func=lambda o: embedded.get(o) or t("side.model.other"),
    )
    if choice != OTHER:
        return choice
    return (
        st.text_input(
            t("side.model.name"),
            key="model_name",
            help=t("side.model.name.help"),
            placeholder="timm:vit_tiny_patch16_224",
            persist_state="session",
        ).strip()
        or None
    )


def result() -> Result | None:
    """The result for the chosen model and picture; where one of them cannot be used, the last one that could.

    None where there is none, and where too many pictures wait for the model; both are said.
    """
    t = state.t()
    try:
        found = _compute(state.get("named"))
    except InputError as busy:
        st.warning(escaped(t.error(busy), 1000), icon=":material/hourglass_top:")
        st.button(t("busy.again"), key="busy_again", type="primary")
        return None
    if found is None:
        st.info(t("none.model" if state.picture() else "none.picture"))
    else:
        _facts(found)
    return found


def _compute(name: str | None) -> Result | None:
    t, picture = state.t(), state.picture()
    if picture is None:
        return None
    digest, image, _ = picture
    if name:
        try:
            if not cache.at_hand(name, digest):
                with st.spinner(t("busy.model", name=escaped(name))):
                    cache.await_model(name)
                with st.spinner(panels.busy("result", cache.took().get(name, 0))):
                    cache.result(name, digest, image)
            found = cache.result(name, digest, image)
            state.put("good_model", name)
            return found
        except InputError as error:
            if error.code in ("busy", "serve-gone"):
                raise
            with st.sidebar:
                st.error(escaped(t.error(error), 2000), icon=":material/error:")
                if state.get("good_model"):
                    st.caption(t("last.model", name=escaped(state.get("good_model"))))
    if state.get("good_model"):
        return cache.result(state.get("good_model"), digest, image)
    return None


def _facts(result: Result) -> None:
    """In the sidebar, beneath the model: its size, and where it runs."""
    t = state.t()
    config = result.trace.config
    millions = result.parameters / 1e6
    took = (
        t("time.s", value=two_digits(result.seconds))
        if result.seconds >= 1
        else t("time.ms", value=two_digits(result.seconds * 1e3))
    )
    facts = [
        t(
            "side.model.facts",
            layers=config.depth,
            heads=config.heads,
            dim=config.dim,
            parameters=f"{two_digits(millions)} M",
        ),
        t("side.model.device", device=t(f"device.{result.device.type}"), time=took),
    ]
    if told := panels.on_the_cpu(result):
        facts.append(told)
    with st.sidebar:
        st.caption("\n\n".join(facts))
        if guessed := result.model.assumed:
            taken = ", ".join(
                t(f"side.assumed.{fact}", width=config.head_dim, activation=config.activation) for fact in guessed
            )
            st.warning(t("side.assumed", taken=taken), icon=":material/help:")
