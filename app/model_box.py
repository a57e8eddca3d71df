"""The sidebar's model box: what can be chosen, what is known of it, and its download."""

from __future__ import annotations

import functools

import streamlit as st

from app import state
from app.components.download import download_box
from app.runtime import cache
from app.runtime.known_models import earlier, embedded, title_of
from app.state import OTHER_MODEL, Key
from app.text.plain import escaped
from vit_core.checkpoints import split_problem_type
from vit_core.checkpoints.catalogue import (
    CURATED,
    LICENCES,
    Curated,
    download_model,
    find_curated,
    needs_download,
)


def choose_model(label: str) -> None:
    """Draw the box with this label, and put the chosen model into the session.

    While the model has to be downloaded, pages keep the last model that could be loaded.
    """
    name = _choice(label)
    state.put(Key.NAMED_MODEL, name)
    if name is None or _is_here(name):
        state.put(Key.CHOSEN_MODEL, name)
        return
    last = state.get(Key.WORKING_MODEL) or next(iter(embedded()), None)
    state.put(Key.CHOSEN_MODEL, last)
    if last:
        st.caption(state.t()("model.meanwhile", name=escaped(title_of(last, state.t()))))


def _choice(label: str) -> str | None:
    """Draw the select box, and a field for a name that it does not list. Returns the chosen model's name."""
    t = state.t()
    curated = [model.name for model in CURATED]
    options = [*embedded(), *curated, *earlier(), OTHER_MODEL]
    given = state.get(Key.MODEL)
    if given and given not in options:  # from the address
        state.put(Key.MODEL_NAME, given)
        state.put(Key.MODEL, OTHER_MODEL)
    state.one_of(Key.MODEL, options, embedded()[0] if embedded() else OTHER_MODEL)
    labels = {option: _label(option) for option in options}
    here = "".join(f"_{i}" for i, name in enumerate(curated) if not needs_download(name))  # their options say so
    choice = state.select_box(label, Key.MODEL, options, words=here, format_func=labels.get)
    if choice != OTHER_MODEL:
        return choice
    typed = st.text_input(
        t("side.model.name"),
        key=Key.MODEL_NAME,
        help=t("side.model.name.help"),
        placeholder="timm:vit_tiny_patch16_224",
        persist_state="session",
    )
    return typed.strip() or None


def _label(option: str) -> str:
    """An option's line in the box."""
    t, curated = state.t(), find_curated(option)
    if option == OTHER_MODEL:
        return t("side.model.other")
    if curated is None:
        return title_of(option, t)
    if needs_download(option):
        return f"{curated.title} · {t('model.size', size=f'{curated.megabytes:.0f}')}"
    return f"✓ {curated.title}"


def _is_here(name: str) -> bool:
    """Whether a model can be loaded at once. Draws what is known of it, and its download if there is one to do."""
    base = split_problem_type(name)[0]
    curated, missing = find_curated(base), needs_download(base)
    if curated:
        _facts(curated, missing)
    download = cache.downloads().find(base)
    if not missing or (download and download.state == "finished"):
        return True
    t, fetch = state.t(), functools.partial(download_model, base)
    # A name that was typed in, or that an address holds, is asked for; one in the list may only have been looked at.
    asked = curated is None or state.get(Key.MODEL_IN_ADDRESS) == name
    if asked and download is None:
        cache.downloads().start(base, fetch)
    label = t("model.download.size", size=f"{curated.megabytes:.0f}") if curated else t("model.download")
    download_box(base, fetch, label)
    return False


def _facts(model: Curated, missing: bool) -> None:
    """What a curated model shows best, its licence and size, and whether it is on this computer or gated."""
    t = state.t()
    parts = [LICENCES[model.licence], t("model.size", size=f"{model.megabytes:.0f}")]
    if not missing:
        parts.append(t("model.here"))
    elif model.gated:
        parts.append(t("model.gated"))
    st.caption(f"{t('model.shows', what=t(f'model.shows.{model.name}'))}\n\n{' · '.join(parts)}")
