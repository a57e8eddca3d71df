"""Tables of an evaluation's classes, and the numbers above the page of a multi-label model. Widgets only."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd
import streamlit as st

from app import state
from app.mistakes.find import Evaluation
from app.mistakes.view import FILTERED, class_name, filter_by_cell

SHARES = ("ap", "threshold", "f1", "half.f1", "half.precision", "half.recall")


def headline(run: Evaluation) -> list[tuple[str, str, str, str | None]]:
    """(name, value, text beneath, help) of the numbers that replace accuracy and errors."""
    t, found, of = state.t(), run.accuracy, run.multi_label
    value, classes = of.mean_average_precision, int((of.positives > 0).sum())
    shown = f"{100 * value:.1f} %" if np.isfinite(value) else "–"
    top = (f"{100 * found.top1:.1f} %", t("mistakes.several.top.text", right=f"{found.right:,}"))
    return [
        (
            t("mistakes.several.map"),
            shown,
            t("mistakes.several.map.text", count=f"{classes:,}"),
            t("mistakes.several.map.help"),
        ),
        (
            t("mistakes.several.top"),
            *(top if found.counted else ("–", t("mistakes.nothing"))),
            t("mistakes.several.top.help"),
        ),
    ]


def classes(run: Evaluation, *, key: str) -> None:
    """Precision and recall of each class, in a table that can be sorted by any column."""
    t, of, used = state.t(), run.per_class, run.used_classes
    st.subheader(t("mistakes.classes.title"), anchor=False)
    st.caption(t("mistakes.classes.text"))
    values = {
        "support": of.support[used],
        "recall": 100 * of.recall[used],
        "interval": [
            f"{100 * of.recall_low[n]:.1f} – {100 * of.recall_high[n]:.1f}" if of.support[n] else None for n in used
        ],
        "precision": 100 * of.precision[used],
        "f1": 100 * of.f1[used],
    }
    share = functools.partial(st.column_config.NumberColumn, format="%.1f")
    shown = {n: share(t(f"mistakes.classes.{n}")) for n in ("recall", "precision", "f1")}
    shown["interval"] = st.column_config.TextColumn(t("mistakes.classes.interval"))
    _class_table(run, used, values, shown, key)


def _class_table(run: Evaluation, used: np.ndarray, values: dict, columns: dict, key: str) -> None:
    """A table of the classes `used`, their names first; a click on a row filters the pictures by its label.

    `values` and `columns`: what else each row holds, and how it is shown, by the column's name.
    """
    t = state.t()

    def chosen() -> None:
        rows = state.get(key)["selection"]["rows"]
        filter_by_cell(int(used[rows[0]]) if rows else None, None)
        state.rerun(*FILTERED)

    st.dataframe(
        pd.DataFrame({"name": [class_name(run, n) for n in used]} | values),
        key=key,
        hide_index=True,
        height=410,
        placeholder="–",
        on_select=chosen,
        selection_mode="single-row",
        column_config={
            "name": st.column_config.TextColumn(t("mistakes.classes.name"), pinned=True),
            "support": st.column_config.NumberColumn(t("mistakes.classes.support"), format="localized"),
            **columns,
        },
    )


def thresholds(run: Evaluation, *, key: str) -> None:
    """Average precision and thresholds of each class; a click filters the pictures."""
    t, of = state.t(), run.multi_label
    st.subheader(t("mistakes.classes.title"), anchor=False)
    st.caption(t("mistakes.several.text"))
    used = np.flatnonzero(of.positives > 0)
    if not len(used):
        st.info(t("mistakes.calibration.empty"))
        return
    columns = (of.average_precision, of.threshold, of.f1, of.f1_half, of.precision_half, of.recall_half)
    shares = {name: 100 * values[used] for name, values in zip(SHARES, columns, strict=True)}
    shown = {n: st.column_config.NumberColumn(t(f"mistakes.several.{n}"), format="%.1f") for n in SHARES}
    _class_table(run, used, {"support": of.positives[used]} | shares, shown, key)
    st.caption(t("mistakes.several.hidden"))
