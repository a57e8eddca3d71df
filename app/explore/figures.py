"""Figures of the page "Explore": arrays to plotly.js, pictures beneath. No widgets, no words. No Streamlit.

Maps are drawn in grid units: x to the right, y down; patch (row, col) is the unit square whose top left corner is
(col, row). All maps use the colour scale vit_core.images.VIRIDIS.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image

from app.figures import ACCENT, FONT, GRID, QUIET, TITLED, add, axis, blank, data_uri, shorten, two_digits
from vit_core.images import draw
from vit_core.percentage import percent

VIRIDIS = [[i / 16, "rgb({},{},{})".format(*draw.VIRIDIS[min(255, i * 16)])] for i in range(17)]
ABOVE = dict(l=4, r=4, t=4, b=48)  # margins with a colour scale
GRID_PICTURE_PX = 1100  # about the size of a figure made of small maps; it is shown 440 pixels high


def _pointed(height: int | None = None) -> dict:
    """An empty figure whose points respond to a pointer nearby, and to clicks."""
    return blank(height, hoverdistance=200, clickmode="event+select")


def _plane(figure: dict, width: float, height: float) -> dict:
    """Invisible axes over [0, width] x [0, height], y down, with equal units."""
    bare = dict(visible=False, fixedrange=True, constrain="domain")
    figure["layout"]["xaxis"] = dict(range=[0, width], **bare)
    figure["layout"]["yaxis"] = dict(range=[height, 0], scaleanchor="x", **bare)
    return figure


def _picture(figure: dict, source: str, box: tuple[float, float, float, float]) -> None:
    """Put a picture beneath everything, stretched over (left, top, right, bottom)."""
    left, top, right, bottom = box
    figure["layout"]["images"].append(
        dict(
            source=source,
            x=left,
            y=top,
            sizex=right - left,
            sizey=bottom - top,
            xref="x",
            yref="y",
            xanchor="left",
            yanchor="top",
            sizing="stretch",
            layer="below",
        )
    )


def _mark(figure: dict, box: tuple[float, float, float, float]) -> None:
    """A frame that is visible on any background: white inside black."""
    for colour, width in (("black", 6), ("white", 3)):
        figure["layout"]["shapes"].append(
            dict(type="rect", x0=box[0], y0=box[1], x1=box[2], y1=box[3], line=dict(color=colour, width=width))
        )


def _targets(figure: dict, x, y, data, hover: str) -> None:
    """Invisible points; the nearest one responds to the pointer. A click returns its part of `data`."""
    unseen = dict(marker=dict(opacity=0))
    add(
        figure,
        "scatter",
        x=x,
        y=y,
        customdata=data,
        mode="markers",
        hovertemplate=hover,
        marker=dict(size=14, opacity=0, color=ACCENT),
        selected=unseen,
        unselected=unseen,
    )


def _scale(figure: dict, low: float, high: float) -> None:
    """The colour scale with its range in numbers, below the map."""
    ticks = np.linspace(low, high, 5)
    bar = dict(
        orientation="h",
        thickness=14,
        len=0.9,
        x=0.5,
        y=0,
        yanchor="top",
        ypad=10,
        tickvals=ticks,
        ticktext=[two_digits(v) for v in ticks],
        tickfont=dict(size=FONT),
        outlinewidth=0,
    )
    add(
        figure,
        "scatter",
        x=[None],
        y=[None],
        mode="markers",
        hoverinfo="skip",
        marker=dict(
            color=[low], colorscale=VIRIDIS, cmin=low, cmax=max(high, low + 1e-9), showscale=True, colorbar=bar
        ),
    )


def patches(seen: Image.Image, grid: tuple[int, int], patch: tuple[int, int], size: int = 240) -> Image.Image:
    """The model's input cut into patches with transparent gaps; each input pixel is a square."""
    (rows, cols), (ph, pw) = grid, patch
    factor = max(1, round(size / max(rows * ph, cols * pw)))
    gap = max(2, round(size / max(grid) / 12))
    pixels = np.asarray(seen.convert("RGB")).repeat(factor, 0).repeat(factor, 1)
    ph, pw = ph * factor, pw * factor
    out = np.zeros((rows * (ph + gap) - gap, cols * (pw + gap) - gap, 4), np.uint8)
    for r in range(rows):
        for c in range(cols):
            to = out[r * (ph + gap) : r * (ph + gap) + ph, c * (pw + gap) : c * (pw + gap) + pw]
            to[..., :3], to[..., 3] = pixels[r * ph : (r + 1) * ph, c * pw : (c + 1) * pw], 255
    return Image.fromarray(out)


def bars(names: Sequence[str], values: Sequence[float], hover: str, threshold: float | None = None) -> dict:
    """Probabilities as horizontal bars with names and numbers, the highest on top.

    The first bar stands out; with a `threshold`, which is drawn as a line, all that reach it do.
    """
    highlighted = [i == 0 if threshold is None else value >= threshold for i, value in enumerate(values)]
    short = [shorten(name, 26) for name in names]
    names = [html.escape(shorten(name, 60), quote=False) for name in names]  # plotly interprets tags
    large = dict(size=FONT + 1)
    figure = _pointed(height=24 * len(names) + 10)
    add(
        figure,
        "bar",
        x=list(values),
        y=list(range(len(names))),
        orientation="h",
        width=0.66,
        customdata=list(names),
        marker=dict(color=[ACCENT if high else QUIET for high in highlighted]),
        hovertemplate=hover,
        cliponaxis=False,
        text=[percent(v) for v in values],
        textposition="outside",
        textfont=large,
    )
    figure["layout"] |= dict(
        xaxis=dict(range=[0, 1.18], visible=False, fixedrange=True),  # space for the number beside a full bar
        yaxis=dict(
            tickvals=list(range(len(names))),
            ticktext=[html.escape(n, quote=False) + "  " for n in short],
            tickfont=large,
            ticklabeloverflow="allow",  # else the first name is hidden where it is as high as its bar
            autorange="reversed",
            fixedrange=True,
            showgrid=False,
            zeroline=False,
            automargin=True,
        ),
    )
    if threshold is not None:
        line = dict(type="line", layer="below", x0=threshold, x1=threshold, yref="paper", y0=0, y1=1)
        figure["layout"]["shapes"] = [line | dict(line=dict(color=QUIET, width=2, dash="dot"))]
    return figure


def enlarged(values: np.ndarray, low: float, high: float, hover: str, chosen: tuple[int, int] | None) -> dict:
    """One map (rows, cols) with its scale; hovering shows each patch's value.

    `hover` is a template with %{customdata[0]} and [1] for row and column, counted from 1, and %{z}.
    """
    rows, cols = values.shape
    figure = _plane(_pointed(), cols, rows)
    figure["layout"]["margin"] = ABOVE
    big = draw.colour_map(values, low, high)
    factor = max(1, 480 // max(rows, cols))
    drawn = data_uri(Image.fromarray(big.repeat(factor, 0).repeat(factor, 1)), "flat")
    _picture(figure, drawn, (0, 0, cols, rows))
    r, c = np.mgrid[1 : rows + 1, 1 : cols + 1]
    # The heat map is invisible and only responds to the pointer; its colours are in the picture beneath.
    add(
        figure,
        "heatmap",
        z=values,
        x=np.arange(cols) + 0.5,
        y=np.arange(rows) + 0.5,
        customdata=np.stack([r, c], -1),
        opacity=0,
        showscale=False,
        hovertemplate=hover,
        colorscale=VIRIDIS,
    )
    _scale(figure, low, high)
    if chosen:
        _mark(figure, (chosen[1], chosen[0], chosen[1] + 1, chosen[0] + 1))
    return figure


def grid_picture(similarity: np.ndarray, low: float, high: float) -> Image.Image:
    """Similarity (rows, cols, rows, cols): in the place of each patch, its map, with transparent gaps between.

    Maps that would need more pixels than are shown are averaged down.
    """
    rows, cols = similarity.shape[:2]
    gap = 1 if max(rows, cols) <= 20 else 0
    factor = max(1, 700 // (rows * (rows + gap)))
    height, width = (min(n, max(1, GRID_PICTURE_PX // max(rows, cols))) for n in (rows, cols))
    if (height, width) != (rows, cols):
        similarity = np.stack(
            [
                cv2.resize(one, (width, height), interpolation=cv2.INTER_AREA)
                for one in similarity.reshape(-1, rows, cols)
            ]
        )
    coloured = draw.colour_map(similarity.reshape(-1, width), low, high).reshape(rows, cols, height, width, 3)
    coloured = coloured.repeat(factor, 2).repeat(factor, 3)
    (height, width), gap = coloured.shape[2:4], max(gap * factor, 2)
    out = np.zeros((rows, height + gap, cols, width + gap, 4), np.uint8)  # half of the gap on each side of a map
    maps = out[:, gap // 2 : gap // 2 + height, :, gap // 2 : gap // 2 + width]
    maps[..., :3], maps[..., 3] = coloured.swapaxes(1, 2), 255
    return Image.fromarray(out.reshape(rows * (height + gap), cols * (width + gap), 4))


def grid_of_grids(
    picture: str,
    grid: tuple[int, int],
    chosen: tuple[int, int] | None,
    hover: str,
    low: float,
    high: float,
) -> dict:
    """The data URI of a `grid_picture` with a point to click for each patch of `grid`, and its scale."""
    rows, cols = grid
    figure = _plane(_pointed(), cols, rows)
    figure["layout"]["margin"] = ABOVE
    _picture(figure, picture, (0, 0, cols, rows))
    r, c = np.mgrid[0:rows, 0:cols]
    _targets(figure, c.ravel() + 0.5, r.ravel() + 0.5, np.stack([r.ravel() + 1, c.ravel() + 1], -1).tolist(), hover)
    _scale(figure, low, high)
    if chosen:
        _mark(figure, (chosen[1], chosen[0], chosen[1] + 1, chosen[0] + 1))
    return figure


def filters(components: np.ndarray, columns: int = 7) -> Image.Image:
    """Patch-embedding filters (k, patch height, patch width, 3) in [0, 1], side by side with transparent gaps."""
    k, ph, pw, _ = components.shape
    columns = min(columns, k)
    factor = max(1, 64 // max(ph, pw))
    h, w, gap = ph * factor, pw * factor, 6
    lines = math.ceil(k / columns)
    out = np.zeros((lines * (h + gap) - gap, columns * (w + gap) - gap, 4), np.uint8)
    for i, one in enumerate(components):
        top, left = i // columns * (h + gap), i % columns * (w + gap)
        to = out[top : top + h, left : left + w]
        to[..., :3] = (one * 255).round().astype(np.uint8).repeat(factor, 0).repeat(factor, 1)
        to[..., 3] = 255
    return Image.fromarray(out)


def per_head(
    values: np.ndarray,
    x_title: str,
    y_title: str,
    hover: str,
    chosen: tuple[int, int] | None,
    top: float | None,
) -> dict:
    """One dot per head, by layer: values (layers, heads). `chosen` is highlighted; `top` is a dotted line."""
    layers, heads = values.shape
    layer, head = np.mgrid[1 : layers + 1, 1 : heads + 1]
    figure = _axes(_pointed(), x_title, y_title, layers)
    add(
        figure,
        "scatter",
        x=layer.ravel(),
        y=values.ravel(),
        mode="markers",
        hovertemplate=hover,
        customdata=np.stack([layer.ravel(), head.ravel()], -1),
        marker=dict(size=11, color=QUIET, opacity=0.75),
    )
    add(
        figure,
        "scatter",
        x=np.arange(1, layers + 1),
        y=values.mean(1),
        mode="lines",
        hoverinfo="skip",
        line=dict(color=QUIET, width=2),
    )
    if chosen:
        add(
            figure,
            "scatter",
            x=[chosen[0] + 1],
            y=[values[chosen]],
            mode="markers",
            hoverinfo="skip",
            marker=dict(size=17, color=ACCENT, line=dict(color="white", width=2)),
        )
    figure["layout"]["yaxis"]["range"] = [0, (top or float(values.max())) * 1.08]
    if top:
        figure["layout"]["shapes"].append(
            dict(
                type="line",
                xref="x domain",
                yref="y",
                x0=0,
                x1=1,
                y0=top,
                y1=top,
                line=dict(color=QUIET, width=1.5, dash="dot"),
            )
        )
    return figure


def _axes(figure: dict, x_title: str, y_title: str, last: int, first: int = 1) -> dict:
    """Axes with titles; x counts layers."""
    step = 1 if last - first < 13 else 2 if last - first < 27 else 4
    figure["layout"] |= dict(
        margin=TITLED,
        yaxis=axis(y_title),
        xaxis=axis(
            x_title, tickvals=list(range(first, last + 1, step)), range=[first - 0.5, last + 0.5], showgrid=False
        ),
    )
    return figure


def norms(
    values: np.ndarray,
    prefix: Sequence[str],
    names: Sequence[str],
    x_title: str,
    y_title: str,
    hover: str,
) -> dict:
    """Token norms (layers + 1, N) by depth: a line per prefix token, and the patches' median and range.

    `names`: of the prefix tokens' lines, then of the median and the range.
    """
    depth, _ = values.shape
    x = np.arange(depth)
    of_patches = values[:, len(prefix) :]
    figure = _axes(_pointed(), x_title, y_title, depth - 1, first=0)
    low, high = of_patches.min(1), of_patches.max(1)
    add(
        figure,
        "scatter",
        x=np.r_[x, x[::-1]],
        y=np.r_[high, low[::-1]],
        fill="toself",
        hoverinfo="skip",
        mode="lines",
        fillcolor=GRID,
        line=dict(width=0),
        name=names[-1],
    )
    add(
        figure,
        "scatter",
        x=x,
        y=np.median(of_patches, 1),
        line=dict(color=QUIET, width=3),
        name=names[-2],
        hovertemplate=hover,
    )
    dashes = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
    for i, name in enumerate(names[: len(prefix)]):
        add(
            figure,
            "scatter",
            x=x,
            y=values[:, i],
            name=name,
            hovertemplate=hover,
            line=dict(color=ACCENT, width=3, dash=dashes[i % len(dashes)]),
        )
    figure["layout"] |= dict(
        margin=TITLED | dict(t=60 if len(names) > 3 else 36),
        showlegend=True,
        legend=dict(orientation="h", y=1.02, yanchor="bottom", x=0, font=dict(size=FONT)),
    )
    return figure
