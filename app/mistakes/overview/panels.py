"""panel(run, *, key): one figure of an evaluation with its controls.

Widgets only. Numbers come from `app.mistakes.find.Evaluation`; names that other people wrote go through
`app.text.plain`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import streamlit as st

from app import state
from app.components import panel
from app.components.confusion.component import confusion_matrix
from app.components.confusion.payload import pack
from app.components.panel import chart
from app.figures import Finished, two_digits
from app.mistakes.find import Evaluation, GalleryView
from app.mistakes.overview import class_tables, figures
from app.mistakes.view import FILTERED, class_name, filter_by_cell, left_out, request_picture
from app.state import Key
from vit_core.evaluation import metrics
from vit_core.percentage import percent

#: Select boxes above the matrix: what its numbers are, and the order of its classes.
BY, SORT = ("row", "column", "count"), ("confused", "name")


def headline(run: Evaluation) -> None:
    """Accuracy, errors and calibration error in numbers."""
    t, found = state.t(), run.accuracy
    wrong = found.counted - found.right
    columns = iter(st.columns(4 if run.problem_type == "multi_label" else 5))

    def number(name: str, value: str, beneath: str, help: str | None = None) -> None:
        next(columns).metric(t(f"mistakes.{name}"), value, beneath, delta_color="off", delta_arrow="off", help=help)

    if run.problem_type == "multi_label":
        for name, value, beneath, help in class_tables.headline(run):
            next(columns).metric(name, value, beneath, delta_color="off", delta_arrow="off", help=help)
        _pictures(run, number)
        _left_out(run)
        return
    top1, errors, interval, share = "–", "–", t("mistakes.nothing"), t("mistakes.nothing")
    if found.counted:
        low, high = (f"{100 * v:.1f}" for v in found.top1_interval)
        top1, interval = f"{100 * found.top1:.1f} %", t("mistakes.accuracy.interval", low=low, high=high)
        errors, share = f"{wrong:,}", t("mistakes.errors.share", wrong=f"{wrong:,}", counted=f"{found.counted:,}")
    number("accuracy", top1, interval, t("mistakes.accuracy.help"))
    number("errors", errors, share)
    _pictures(run, number)
    ece = run.calibration.ece
    points = t("mistakes.points", value=two_digits(100 * ece)) if np.isfinite(ece) else "–"
    number("ece", points, t("mistakes.ece.text"), t("mistakes.ece.help"))
    _left_out(run)


def _left_out(run: Evaluation) -> None:
    """The pictures that nobody could read, by format."""
    if formats := run.info["source"].get("formats"):
        st.caption(left_out({"format": sum(formats.values())}, formats))


def _pictures(run: Evaluation, number: Callable) -> None:
    """How many pictures there are, and how many could not be read."""
    t, found = state.t(), run.accuracy
    unknown, classes = f"{found.unknown:,}", f"{len(run.classes):,}"
    number(
        "pictures",
        f"{len(run.columns.number):,}",
        t("mistakes.pictures.unknown", count=unknown)
        if found.unknown
        else t("mistakes.pictures.classes", count=classes),
    )
    unreadable = t("mistakes.unreadable.text") if found.unreadable else t("mistakes.unreadable.none")
    number("unreadable", f"{found.unreadable:,}", unreadable)


def matrix(run: Evaluation, view: GalleryView, *, key: str) -> None:
    """The confusion matrix; a click filters the pictures."""
    t = state.t()
    st.subheader(t("mistakes.matrix.title"), anchor=False)
    st.caption(t("mistakes.matrix.text"))
    if not len(run.used_classes):
        st.info(t("mistakes.matrix.empty"))
        return
    chosen = []
    for name, options, column in zip((Key.BY, Key.SORT), (BY, SORT), st.columns(2, gap="small"), strict=True):
        state.one_of(name, options)
        chosen += [
            state.select_box(
                t(f"mistakes.matrix.{name}"),
                name,
                options,
                place=column,
                format_func=lambda o, name=name: t(f"mistakes.matrix.{name}.{o}"),
                label_visibility="collapsed",
            )
        ]
    by, sort = chosen
    names = [class_name(run, n) for n in range(run.num_classes)] + [t("mistakes.unknown")]
    by_name = run.pictured_first(sorted(run.used_classes.tolist(), key=lambda c: names[c].casefold()))
    words = ("axes", "label", "hint", "cell", "row", "column", "in", "out", "all")
    data = pack(
        run.counts,
        metrics.normalised(run.counts, None if by == "count" else by),
        run.confusion_order if sort == "confused" else by_name,
        names,
        {name: t(f"mistakes.matrix.{name}") for name in words},
        (view.filter.label, view.filter.predicted),
        by != "count",
    )

    def picked() -> None:
        cell = state.get(key)["pick"]
        if cell and len(cell) == 2:
            filter_by_cell(*(None if c is None else int(c) for c in cell))
            state.rerun(*FILTERED)

    confusion_matrix(data, key=key, on_pick=picked)


def calibration(run: Evaluation, *, key: str) -> None:
    """Confidence against accuracy."""
    t, of = state.t(), run.calibration
    st.subheader(t("mistakes.calibration.title"), anchor=False)
    if not of.count.sum():
        st.info(t("mistakes.calibration.empty"))
        return
    st.caption(t("mistakes.calibration.text", value=two_digits(100 * of.ece)))
    words = (t(f"mistakes.calibration.{name}") for name in ("x", "y", "hover"))
    if gallery_drawn(run, 380):
        chart(Finished(figures.calibration(of, *words)), key)


def gallery_drawn(run: Evaluation, height: int) -> bool:
    """Whether the thumbnails are on the screen; if not, leaves an empty space of `height` pixels.

    Plotly blocks the browser for seconds when it loads, so the figures come after the thumbnails.
    """
    if state.get(Key.GALLERY_DRAWN) == str(run.out):
        return True
    st.container(height=height, border=False)
    return False


def embedding_map(run: Evaluation, *, key: str) -> None:
    """All pictures by their embeddings; a click opens one."""
    t = state.t()
    st.subheader(t("mistakes.map.title"), anchor=False)
    if not gallery_drawn(run, 500):
        return
    with panel.waiting(t("busy.figure")):
        numbers, points, count = run.embedding_map
    if not len(numbers):
        st.info(t("mistakes.map.none"))
        return
    some = t("mistakes.map.some", shown=f"{len(numbers):,}", count=f"{count:,}") if len(numbers) < count else ""
    st.caption(f"{t('mistakes.map.text')} {some}")
    c = run.columns
    label, predicted = c.label[numbers], c.predicted[numbers]
    outcome = np.where(label < 0, 2, np.where(label == predicted, 0, 1))
    # Plotly reads a few HTML tags in hover texts: none may come from a name.
    name = functools.cache(lambda n: class_name(run, n).replace("&", "&amp;").replace("<", "&lt;"))
    hover = [
        t("mistakes.map.point", label=name(int(a)), predicted=name(int(b)), percent=percent(p))
        for a, b, p in zip(label, predicted, c.probability[numbers], strict=True)
    ]
    kinds = [t(f"mistakes.map.{kind}") for kind in ("right", "wrong", "other")]

    def chosen() -> None:
        point = state.selected(key)
        if point is not None:
            number = int(point[0] if isinstance(point, list) else point)
            request_picture(run.rows.at([number])[0]["path"])

    chart(Finished(figures.embedding_map(points, outcome, numbers, hover, kinds)), key, chosen)
