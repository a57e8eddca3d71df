"""The overview of an evaluation without a class that the model knows: what it predicts. Widgets only."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from app import state
from app.mistakes.find import Evaluation
from app.mistakes.view import FILTERED, class_name, filter_by_cell
from app.text.plain import plain
from vit_core.percentage import percent


def headline(run: Evaluation) -> None:
    """What can be seen and what cannot, and the numbers that need no label."""
    t, columns = state.t(), run.columns
    st.info(t("mistakes.unlabelled.text", count=f"{len(run.classes):,}"), icon=":material/label_off:")
    read = columns.predicted >= 0
    mean = percent(float(columns.probability[read].mean())) if read.any() else "–"
    numbers = {
        "mistakes.pictures": (len(read), t("mistakes.pictures.classes", count=f"{len(run.classes):,}")),
        "mistakes.unlabelled.classes": (
            len(np.unique(columns.predicted[read])),
            t("mistakes.unlabelled.of", count=f"{run.num_classes:,}"),
        ),
        "mistakes.unlabelled.mean": (mean, t("mistakes.unlabelled.mean.text")),
        "mistakes.unreadable": (
            run.accuracy.unreadable,
            t(f"mistakes.unreadable.{'text' if run.accuracy.unreadable else 'none'}"),
        ),
    }
    for place, (name, (value, beneath)) in zip(st.columns(len(numbers)), numbers.items(), strict=True):
        shown = value if isinstance(value, str) else f"{value:,}"
        place.metric(t(name), shown, beneath, delta_color="off", delta_arrow="off")


def predictions(run: Evaluation, *, key: str) -> None:
    """The most frequent predictions of each class of the pictures; a click lists the pictures with the first one."""
    t, counts = state.t(), run.predictions
    st.subheader(t("mistakes.unlabelled.title"), anchor=False)
    st.caption(t("mistakes.unlabelled.table"))
    used = np.flatnonzero(counts.sum(1))
    first = counts[used].argmax(1)
    total = counts[used].sum(1)
    others = counts[used].copy()
    others[np.arange(len(used)), first] = 0
    second = others.argmax(1)
    table = {
        "name": [plain(run.classes[n]) for n in used],
        "support": total,
        "first": [class_name(run, int(n)) for n in first],
        "share": 100 * counts[used, first] / total,
        "second": [class_name(run, int(n)) if row[n] else None for n, row in zip(second, others, strict=True)],
    }

    def chosen() -> None:
        rows = state.get(key)["selection"]["rows"]
        filter_by_cell(None, int(first[rows[0]]) if rows else None)
        state.rerun(*FILTERED)

    columns = {name: st.column_config.Column(t(f"mistakes.unlabelled.{name}")) for name in ("first", "second")}
    columns["name"] = st.column_config.TextColumn(t("mistakes.classes.name"), pinned=True)
    columns["support"] = st.column_config.NumberColumn(t("mistakes.classes.support"), format="localized")
    columns["share"] = st.column_config.NumberColumn(t("mistakes.unlabelled.share"), format="%.0f")
    st.dataframe(
        pd.DataFrame(table),
        key=key,
        hide_index=True,
        height=min(38 + 35 * len(used), 450),
        placeholder="–",
        on_select=chosen,
        selection_mode="single-row",
        column_config=columns,
    )
