"""The patches' norms after one layer as a map. No Streamlit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.explore import figures
from app.figures import FONT, TITLED, add, two_digits
from vit_core.images.draw import scale_end

LAYERS_LABELLED = 6  # numbers below the lines
LINES_NAMED = 2  # prefix tokens in the legend; the pointer names all


@dataclass(frozen=True)
class Range:
    """A map's range and where its colours end."""

    low: float
    high: float
    end: float  # at most `high`
    above: int  # patches above `end`


def range_of(norms: np.ndarray, outliers: int, clip: bool) -> Range:
    """The range of a map of norms (rows, cols). Its colours start at the smallest norm; the rule of `scale_end` applies
    to what is above that, because norms are far from 0."""
    norms = norms.astype(np.float64)
    low, high = norms.min(), norms.max()
    end = scale_end(norms - low, outliers) if clip else high - low
    return Range(float(low), float(high), float(low + end), int((norms - low > end).sum()))


def norm_map(
    norms: np.ndarray,
    shown: Range,
    hover: str,
    chosen: tuple[int, int] | None,
    outliers: Sequence[tuple[int, int]],
    sentence: str,
) -> dict:
    """The map (rows, cols) with its scale. `hover` as in `figures.enlarged`; a ring marks each of the `outliers`, (row,
    col). `sentence`: below the scale, where it is clipped."""
    figure = figures.enlarged(norms, shown.low, shown.end, hover, chosen)
    bar = figure["data"][-1]["marker"]["colorbar"]
    if shown.above:
        bar["ticktext"][-1] = f"≥ {two_digits(shown.end)}"
    bar["title"] = dict(text=sentence, side="bottom", font=dict(size=FONT))
    figure["layout"]["margin"] = figures.ABOVE | dict(b=72)  # as high with the sentence as without
    for size, colour in ((10, "black"), (8, "white"), (4, "black")):
        add(
            figure,
            "scatter",
            x=[col + 0.8 for _, col in outliers],
            y=[row + 0.2 for row, _ in outliers],
            mode="markers",
            hoverinfo="skip",
            marker=dict(size=size, color=colour),
        )
    return figure


def norm_lines(values: np.ndarray, layer: int, *arguments) -> dict:
    """`figures.norms` as narrow as a map, with a line at `layer`, from 1. A click on a point returns its layer."""
    figure = figures.norms(values, *arguments)
    step = math.ceil(len(values) / LAYERS_LABELLED)
    figure["layout"]["xaxis"] |= dict(tickvals=list(range(0, len(values), step)))
    figure["layout"]["margin"] = TITLED
    figure["layout"]["legend"] |= dict(orientation="v", x=0.02, y=1, yanchor="top")  # long vectors come last
    for trace in figure["data"][2 + LINES_NAMED :]:
        trace["showlegend"] = False
    for trace in figure["data"][1:]:
        trace |= dict(
            customdata=[[i] for i in range(len(values))],
            mode="lines+markers",
            unselected=dict(marker=dict(opacity=1)),
        )
    figure["layout"]["shapes"].append(
        dict(
            type="line",
            layer="below",
            x0=layer,
            x1=layer,
            yref="y domain",
            y0=0,
            y1=1,
            line=dict(color=figures.QUIET, width=2, dash="dot"),
        )
    )
    return figure
