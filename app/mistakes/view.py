"""What the session shows of an evaluation: list, filter, page and open picture; and the names that people read."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import streamlit as st

from app import state
from app.mistakes.find import LISTS, Evaluation, GalleryView
from app.mistakes.maps.found import MapChoice
from app.mistakes.requests import EvaluationRequest
from app.state import Key
from app.text import LISTED
from app.text.class_names import translated
from app.text.model_names import model_title
from app.text.plain import escaped, plain
from vit_core import InputError
from vit_core.checkpoints import split_input
from vit_core.data import list_formats
from vit_core.data.named import CATALOGUE, PREFIX
from vit_core.evaluation.filters import Filter
from vit_core.evaluation.maps import REGIONS

#: The fragments that show the filter.
FILTERED = ("matrix", "pictures", "common")
NAMED_SOURCES = {"bundled:photos": "photos", "bundled:fashion": "fashion"}


def display_names(request: EvaluationRequest, title: str | None = None) -> tuple[str, str]:
    """(model, source) as people call them; plain text."""
    t, (name, size, framing) = state.t(), split_input(request.model)
    model = model_title(name, t)
    chosen = [t("input.at", size=size)] * (size is not None) + [t("input.at.whole")] * (framing == "whole")
    if chosen:
        model = f"{model} ({', '.join(chosen)})"
    title = title or os.path.basename(request.source) or request.source
    if request.source in NAMED_SOURCES:
        return model, t(f"mistakes.source.{NAMED_SOURCES[request.source]}")
    if (name := request.source.removeprefix(PREFIX)) in CATALOGUE:
        return model, CATALOGUE[name].title
    return model, plain(title, 60)


def local_time(when: datetime) -> str:
    """A time as the browser's clock shows it, to the minute."""
    minutes = st.context.timezone_offset or 0
    return (when.astimezone(UTC) - timedelta(minutes=minutes)).strftime("%Y-%m-%d %H:%M")


def distinct(titles: dict[str, str]) -> dict[str, str]:
    """The titles, with a number after those that are there already: a select box finds an option by its title."""
    counts: Counter[str] = Counter()
    found = {}
    for name, title in titles.items():
        counts[title] += 1
        found[name] = f"{title} ({counts[title]})" if counts[title] > 1 else title
    return found


def error_markdown(error: InputError) -> str:
    """An error as Markdown: it may quote names."""
    return escaped(state.t().error(error), 1000)


def class_name(run: Evaluation, number: int | None, source_label: int | None = None) -> str:
    """The name of a model class; if the model has none for a picture, the source's name for its label."""
    t = state.t()
    if number is None or number < 0:
        in_source = source_label is not None and 0 <= source_label < len(run.classes)
        return plain(run.classes[source_label]) if in_source else t("mistakes.unknown")
    name = run.class_name(number)
    if name is None:
        return t("predictions.class", number=number)
    return plain(translated(run.model, name, t.language, run.labels))


def left_out(counts: dict[str, int], formats: dict[str, int]) -> str:
    """A sentence, as Markdown, of what a dataset left out: {reason: number} and {suffix: number}."""
    t, first = state.t(), dict(list(formats.items())[:LISTED])
    names = list_formats(first) + ", …" * (len(formats) > len(first))
    reasons = [t(f"mistakes.check.left_out.{why}", count=f"{count:,}", formats=names) for why, count in counts.items()]
    return t("mistakes.check.left_out", what=", ".join(reasons))


def current_view() -> GalleryView:
    """The view that the session asks for; values that make no sense are ignored."""
    page, listed = state.get(Key.PAGE), state.one_of(Key.LIST, list(LISTS))
    address = {key: str(state.get(key)) for key in state.FILTER_KEYS if state.get(key) is not None}
    number = int(page) - 1 if isinstance(page, str) and page.isascii() and page.isdigit() and len(page) < 8 else 0
    region, least, cluster = (
        state.one_of(Key.REGION, REGIONS),
        state.bound(Key.SHARE, 0, 100, 0),
        state.get(Key.CLUSTER),
    )
    maps = MapChoice(region, least / 100, cluster - 1 if isinstance(cluster, int) and cluster > 0 else None)
    return GalleryView(listed, Filter.from_address(address), max(0, number), maps)


def set_filter(filter: Filter, from_widgets: bool = False) -> None:
    """Remember a filter and go to its first page.

    Unless the filter comes `from_widgets`, they get new keys: a browser keeps the values of widgets in a closed popover
    and would send them again.
    """
    if not from_widgets:
        state.put(Key.FILTER_VERSION, state.get(Key.FILTER_VERSION, 0) + 1)
    address = filter.to_address()
    for key in state.FILTER_KEYS:
        state.put(key, address.get(key))
    first_page()


def filter_by_cell(label: int | None, predicted: int | None) -> None:
    """Show the pictures of a cell, or with one None of a column or row. A cell needs no outcome: it implies one."""
    now = current_view().filter
    outcome = None if label is not None and predicted is not None else now.outcome
    set_filter(replace(now, label=label, predicted=predicted, outcome=outcome))
    if label is not None and (label == predicted or label < 0):  # not errors, so the lists of errors lack them
        state.put(Key.LIST, "all")
    elif label is not None and predicted is not None and state.get(Key.LIST) == "all":
        state.put(Key.LIST, "confident")


def open_picture(path: str | None) -> None:
    state.put(Key.OPEN, path)


def request_picture(path: str) -> None:
    """From a fragment's callback: open the picture, which takes a run of the whole page."""
    open_picture(path)
    state.put(Key.OPEN_REQUESTED, True)


def first_page() -> None:
    state.put(Key.PAGE, None)
    state.put(Key.RETURN_TO, None)


def go_to_page(page: int, pages: int, step: int) -> None:
    """Go `step` pages from `page`, counted from 0, of `pages`."""
    state.put(Key.PAGE, str(min(max(page + step, 0), pages - 1) + 1))
    state.put(Key.RETURN_TO, None)
