"""Figures of an evaluation: arrays -> plotly. Knows no widget and no language."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.figures import ACCENT, FONT, QUIET
from vit_core.metrics import Calibration

WRONG = "#d9772b"  # beside grey, the same to every eye; 3 to 1 on both grounds
GRID = "rgba(138,154,160,0.25)"


def _figure(height: int, **layout) -> go.Figure:
    return go.Figure(layout=dict(
        height=height, margin=dict(l=60, r=8, t=8, b=52), paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)", font_size=FONT, hoverlabel_font_size=FONT, showlegend=False, dragmode=False,
        hovermode="closest", **layout) | {})


def calibration(of: Calibration, x_title: str, y_title: str, hover: str, height: int = 380) -> go.Figure:
    """A bar a bin: how often its pictures are right, with Wilson's interval; the line is where they should be."""
    there = of.count > 0
    middle, width = (of.low + of.high)[there] / 2, (of.high - of.low)[there]
    figure = _figure(height)
    share = of.count[there] / max(1, of.count.sum())
    figure.add_bar(
        x=middle, y=of.accuracy[there], width=width * 0.92, hovertemplate=hover,
        customdata=np.stack([of.count[there], of.confidence[there]], 1),
        marker=dict(color=ACCENT, opacity=0.35 + 0.65 * np.sqrt(share)),
        error_y=dict(type="data", symmetric=False, array=(of.accuracy_high - of.accuracy)[there].clip(0),
                     arrayminus=(of.accuracy - of.accuracy_low)[there].clip(0), color=QUIET, thickness=1.5, width=3))
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", hoverinfo="skip", line=dict(color=QUIET, width=2, dash="dot"))
    for axis, title in ((figure.update_xaxes, x_title), (figure.update_yaxes, y_title)):
        axis(title=dict(text=title, font_size=FONT), range=[0, 1.02], tickformat=".0%", tickfont_size=FONT,
             fixedrange=True, zeroline=False, gridcolor=GRID, dtick=0.2)
    return figure


def points(places: np.ndarray, outcome: np.ndarray, numbers: np.ndarray, hover: Sequence[str], names: Sequence[str],
           height: int = 440) -> go.Figure:
    """Pictures as points (m, 2); `outcome` (m,) 0 right, 1 wrong, 2 neither, of those `names`, the errors on top.

    The number of a picture's row is the custom data of a click on it.
    """
    figure = _figure(height)
    hover = np.asarray(hover, object)
    for kind, colour, size, opacity in ((2, "#7f6bb3", 6, 0.6), (0, QUIET, 5, 0.4), (1, WRONG, 7, 0.85)):
        here = outcome == kind
        if here.any():
            figure.add_scatter(  # not WebGL: plotly compiles its shaders by eval, which the pages are not allowed
                x=places[here, 0], y=places[here, 1], mode="markers", customdata=numbers[here], text=hover[here],
                name=names[kind], showlegend=True, hovertemplate="%{text}<extra></extra>",
                marker=dict(size=size, color=colour, opacity=opacity),
                selected_marker_opacity=opacity, unselected_marker_opacity=opacity)
    figure.update_layout(showlegend=True, margin=dict(l=8, r=8, t=40, b=8), clickmode="event+select",
                         legend=dict(orientation="h", y=1.01, yanchor="bottom", x=0, font_size=FONT,
                                     itemsizing="constant"))
    figure.update_xaxes(visible=False, fixedrange=True)
    figure.update_yaxes(visible=False, fixedrange=True, scaleanchor=None)
    return figure
