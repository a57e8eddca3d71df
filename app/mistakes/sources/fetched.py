"""Data sets of the catalogue, which are downloaded when somebody clicks."""

from __future__ import annotations

import functools

import streamlit as st

from app import state
from app.components.download import download_box
from app.components.panel import waiting
from app.mistakes.requests import EvaluationRequest
from app.mistakes.sources import check
from app.runtime import cache
from app.state import Key
from app.text.plain import escaped
from vit_core import InputError
from vit_core.data.named import CATALOGUE, PREFIX, catalogue_path, fetch, known_classes
from vit_core.models.predictions import named_classes


def show(model: str | None) -> None:
    """Each set with its size and licence, and a button to download it or, if it is there, to check it."""
    t = state.t()
    st.caption(t("mistakes.catalogue.text"))
    with waiting(t("busy.figure"), "lines"):
        labels = _labels(model)
    for name, entry in CATALOGUE.items():
        request = EvaluationRequest(model or "", PREFIX + name)
        size = f"{entry.size / 1e6:.0f}"
        with st.container(border=True, key=f"set_{name}"):
            st.markdown(t("mistakes.catalogue.set", title=entry.title, what=t(f"mistakes.catalogue.{name}")))
            count, classes = f"{entry.pictures:,}", len(entry.classes)
            facts = t("mistakes.catalogue.facts", pictures=count, classes=classes, size=size, licence=entry.licence)
            if labels is not None and (known := known_classes(entry, labels)) is not None:
                warning = "" if known else ":material/warning: "
                facts += f"\\\n{warning}{t('mistakes.catalogue.known', known=known, classes=classes)}"
            st.caption(facts)
            if catalogue_path(name).exists():
                there = t("mistakes.catalogue.there", path=escaped(catalogue_path(name), 300))
                if st.button(t("mistakes.new.check"), key=f"check_{name}", icon=":material/check:", help=there):
                    state.put(Key.CHECKED, check.preview(request))
                check.show(request)
            else:
                label = t("mistakes.catalogue.download", size=size)
                download_box(PREFIX + name, functools.partial(fetch, name), label)


def _labels(model: str | None) -> list[str] | None:
    """The class names of the chosen model, unless that would have to be downloaded or cannot be loaded."""
    if not model or not (model.startswith("embedded:") or (model, "best") in cache.models()):
        return None
    try:
        return named_classes(cache.model(model))
    except InputError:
        return None
