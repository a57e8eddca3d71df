"""Plotly figures of an evaluation from arrays and words. No widgets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.figures import ACCENT, FONT, QUIET, TITLED, add, axis, blank, shorten
from vit_core.evaluation.metrics import Calibration

#: White numbers on them have a contrast of at least 4.5 to 1.
BETTER, WORSE = "#1c7a86", "#b0561a"
WRONG = "#d9772b"  # distinct from grey for every colour vision; contrast 3:1 on both backgrounds


def calibration(of: Calibration, x_title: str, y_title: str, hover: str, height: int = 380) -> dict:
    """Accuracy by confidence: a bar for each bin, with the Wilson interval, and the diagonal. Axes in percent."""
    there = of.count > 0
    low, high, right, least, most = (
        100 * a[there] for a in (of.low, of.high, of.accuracy, of.accuracy_low, of.accuracy_high)
    )
    share = of.count[there] / max(1, of.count.sum())
    scale = dict(range=[0, 102], ticksuffix=" %", dtick=25, tickangle=0)
    figure = blank(height, margin=TITLED | dict(r=30), xaxis=axis(x_title, **scale), yaxis=axis(y_title, **scale))
    add(
        figure,
        "bar",
        x=(low + high) / 2,
        y=right,
        width=0.92 * (high - low),
        hovertemplate=hover,
        customdata=np.stack([of.count[there], of.confidence[there]], 1),
        marker=dict(color=ACCENT, opacity=0.35 + 0.65 * np.sqrt(share)),
        error_y=dict(
            type="data",
            symmetric=False,
            array=(most - right).clip(0),
            arrayminus=(right - least).clip(0),
            color=QUIET,
            thickness=1.5,
            width=3,
        ),
    )
    add(
        figure,
        "scatter",
        x=[0, 100],
        y=[0, 100],
        mode="lines",
        hoverinfo="skip",
        line=dict(color=QUIET, width=2, dash="dot"),
    )
    return figure


def changes(matrix: np.ndarray, shown: Sequence[int], names: Sequence[str], axes: tuple[str, str]) -> dict:
    """Cells of a confusion matrix that have more or fewer pictures than before, as squares with their numbers.

    Args:
        matrix: (classes, classes) differences; rows are labels.
        shown: the classes drawn, in order. With a click comes back the cell's place in the flattened matrix.
        names: a name for each of them.
        axes: titles of the columns and of the rows.
    """
    cells = matrix[np.ix_(shown, shown)]
    rows, columns = np.nonzero(cells)
    values = cells[rows, columns]
    better = (values > 0) == (rows == columns)  # more right ones, or fewer of an error
    side = 34
    ticks = dict(
        tickvals=list(range(len(shown))), ticktext=[shorten(_text(name), 18) for name in names], automargin=True
    )
    low, high = -0.6, len(shown) - 0.4
    figure = blank(
        max(260, side * len(shown) + 150),
        margin=dict(l=10, r=10, t=10, b=10),
        clickmode="event+select",
        xaxis=axis(axes[0], **ticks, range=[low, high], tickangle=-45),
        yaxis=axis(axes[1], **ticks, range=[high, low]),
    )
    same = dict(marker=dict(opacity=1))
    place = [f"{_text(names[r])} → {_text(names[c])}" for r, c in zip(rows, columns, strict=True)]
    add(
        figure,
        "scatter",
        x=columns,
        y=rows,
        mode="markers+text",
        text=[f"{value:+d}".replace("-", "−") for value in values],
        textfont=dict(color="#ffffff", size=13),
        hovertext=np.asarray(place, object),
        hovertemplate="%{hovertext}: %{text}<extra></extra>",
        customdata=np.asarray(shown)[rows] * matrix.shape[1] + np.asarray(shown)[columns],
        marker=dict(symbol="square", size=side - 4, color=np.where(better, BETTER, WORSE).tolist(), opacity=1),
        selected=same,
        unselected=same,
    )
    return figure


def _text(name: str) -> str:
    """A name for Plotly, which reads a few HTML tags."""
    return name.replace("&", "&amp;").replace("<", "&lt;")


def embedding_map(
    points: np.ndarray,
    outcome: np.ndarray,
    numbers: np.ndarray,
    hover: Sequence[str],
    names: Sequence[str],
    height: int = 440,
) -> dict:
    """One point for each picture, the errors on top.

    Args:
        points: (m, 2) coordinates.
        outcome: (m,) 0 right, 1 wrong, 2 neither; an index into `names`.
        numbers: (m,) row numbers, which come back with a click.
        hover: m texts.
    """
    bare = dict(visible=False, fixedrange=True)
    figure = blank(
        height,
        showlegend=True,
        margin=dict(l=8, r=8, t=40, b=8),
        clickmode="event+select",
        legend=dict(orientation="h", y=1.01, yanchor="bottom", x=0, font=dict(size=FONT), itemsizing="constant"),
        xaxis=bare,
        yaxis=bare,
    )
    hover = np.asarray(hover, object)
    for kind, colour, size, opacity in ((2, "#7f6bb3", 6, 0.6), (0, QUIET, 5, 0.4), (1, WRONG, 7, 0.85)):
        here = outcome == kind
        if here.any():  # not WebGL: plotly compiles its shaders with eval, which the pages' security policy forbids
            same = dict(marker=dict(opacity=opacity))
            add(
                figure,
                "scatter",
                x=points[here, 0],
                y=points[here, 1],
                mode="markers",
                customdata=numbers[here],
                text=hover[here],
                name=names[kind],
                showlegend=True,
                hovertemplate="%{text}<extra></extra>",
                marker=dict(size=size, color=colour, opacity=opacity),
                selected=same,
                unselected=same,
            )
    return figure
