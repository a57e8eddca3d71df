"""Arrays to figures: plotly for hovering and clicking, pictures beneath. No widgets, no words. No Streamlit.

Figures are plain dicts for plotly.js. Plotly's Python objects check every number, which took more than half of a page's
time; a test has them check each figure once. Maps are drawn in grid units: x to the right, y down; patch (row, col) is
the unit square whose top left corner is (col, row). All maps use the colour scale vit_core.images.VIRIDIS.
"""

from __future__ import annotations

import base64
import functools
import html
import io
import math
from collections.abc import Sequence

import cv2
import numpy as np
import orjson
import plotly.graph_objects as go
from PIL import Image
from plotly.io.json import to_json_plotly

from vit_core.images import draw

FONT = 15
ACCENT = "#2b95a3"  # between the two themes' accents; a contrast of at least 3 to 1 on both backgrounds
QUIET = "#8a9aa0"
VIRIDIS = [[i / 16, "rgb({},{},{})".format(*draw.VIRIDIS[min(255, i * 16)])] for i in range(17)]
GRID = "rgba(138,154,160,0.25)"
TITLED, ABOVE = dict(l=60, r=8, t=8, b=52), dict(l=4, r=4, t=12, b=72)  # margins with axis titles, with a colour scale
GRID_PICTURE_PX = 1100  # about the size of a figure made of small maps; it is shown 440 pixels high
CONFIG = {"displayModeBar": False, "displaylogo": False, "scrollZoom": False, "doubleClick": False}


def two_digits(value: float) -> str:
    """A number with two significant digits, without an exponent unless it is tiny."""
    if value == 0 or not math.isfinite(value):
        return f"{value:.0f}"
    if abs(value) >= 99.5:
        return f"{value:,.0f}"
    decimals = max(0, 1 - math.floor(math.log10(abs(float(f"{value:.1e}")))))
    return f"{value:.{decimals}f}" if decimals <= 5 else f"{value:.1e}"


def percent(share: float) -> str:
    """A share of 1 in percent, two significant digits, without the sign."""
    return two_digits(100 * float(share))


#: Encodings of pictures: "exact" for colours that are values; "flat" also, for large areas of one colour, in a third of
#: the bytes or less; "small" for photographs in a file.
ENCODINGS = {
    "exact": ("png", dict(compress_level=1)),
    "flat": ("webp", dict(lossless=True, method=2, quality=50)),
    "small": ("webp", dict(quality=92, method=0)),
}


def data_uri(image: Image.Image, encoding: str) -> str:
    """A picture as a data URI, in one of ENCODINGS."""
    out, (kind, options) = io.BytesIO(), ENCODINGS[encoding]
    image.save(out, kind, **options)
    return f"data:image/{kind};base64,{base64.b64encode(out.getvalue()).decode()}"


@functools.cache
def _template() -> dict:
    """Plotly's default template, which is part of every figure."""
    return go.Figure().to_dict()["layout"]["template"]


class Finished(go.Figure):
    """A figure ready to be sent: what plotly's own class would write, without its checks."""

    def __init__(self, figure: dict):
        self._written = _Written(_written(figure))

    def to_dict(self) -> dict:
        return self._written


class _Written(dict):
    """A figure that is converted to JSON once, however often it is sent."""

    def __init__(self, figure: dict):
        super().__init__(figure)
        self._json = orjson.Fragment(to_json_plotly(figure))

    def to_plotly_json(self) -> orjson.Fragment:
        """Plotly calls this to write the object."""
        return self._json


def _written(value):
    """A value with its arrays as plotly.js's typed arrays (dtype, shape, base64), and no properties of None."""
    if isinstance(value, dict):
        return value if value is _template() else {k: _written(v) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):  # long lists contain words
        return [v if isinstance(v, str) else _written(v) for v in value]
    if isinstance(value, np.generic):
        return value.item()
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype == object:
        return value.tolist()
    if value.dtype.kind in "iub":
        value = value.astype("<i4")  # plotly.js reads no eight-byte integers
    spec = {"dtype": value.dtype.str[1:], "bdata": base64.b64encode(value.tobytes()).decode()}
    return spec | ({"shape": ", ".join(map(str, value.shape))} if value.ndim > 1 else {})


def blank(height: int | None = None, **layout) -> dict:
    """An empty figure: transparent, nothing to drag, labels at the pointer."""
    return dict(
        data=[],
        layout=dict(
            template=_template(),
            height=height,
            margin=dict(l=0, r=0, t=0, b=0),
            paper_bgcolor="rgba(0,0,0,0)",
            plot_bgcolor="rgba(0,0,0,0)",
            font=dict(size=FONT),
            hoverlabel=dict(font=dict(size=FONT)),
            showlegend=False,
            dragmode=False,
            hovermode="closest",
            xaxis={},
            yaxis={},
            images=[],
            shapes=[],
            annotations=[],
        )
        | layout,
    )


def add(figure: dict, kind: str, **trace) -> None:
    """Add a trace of that type."""
    figure["data"].append(dict(type=kind, **trace))


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


def _scale(figure: dict, low: float, high: float, title: str) -> None:
    """The colour scale with its range in numbers, below the map."""
    ticks = np.linspace(low, high, 5)
    bar = dict(
        title=dict(text=title, side="bottom", font=dict(size=FONT)),
        orientation="h",
        thickness=14,
        lenmode="pixels",
        len=290,
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


@functools.cache
def icon() -> str:
    """The browser tab's icon: four by four patches in the maps' colours."""
    values = np.exp(-((np.mgrid[0:4, 0:4] - [[[1.2]], [[1.8]]]) ** 2).sum(0) / 3)
    return data_uri(Image.fromarray(draw.colour_map(values)).resize((64, 64), Image.Resampling.NEAREST), "exact")


def bars(names: Sequence[str], values: Sequence[float], hover: str) -> dict:
    """Probabilities as horizontal bars with names and numbers, the highest on top."""
    short = [shorten(name, 26) for name in names]
    names = [html.escape(shorten(name, 60), quote=False) for name in names]  # plotly interprets tags
    large = dict(size=FONT + 1)
    figure = _pointed(height=38 * len(names) + 10)
    add(
        figure,
        "bar",
        x=list(values),
        y=list(range(len(names))),
        orientation="h",
        width=0.66,
        customdata=list(names),
        marker=dict(color=[ACCENT] + [QUIET] * (len(names) - 1)),
        hovertemplate=hover,
        cliponaxis=False,
        text=[f"{percent(v)} %" for v in values],
        textposition="outside",
        textfont=large,
    )
    figure["layout"] |= dict(
        xaxis=dict(range=[0, 1.18], visible=False, fixedrange=True),  # space for the number beside a full bar
        yaxis=dict(
            tickvals=list(range(len(names))),
            ticktext=[html.escape(n, quote=False) + "  " for n in short],
            tickfont=large,
            autorange="reversed",
            fixedrange=True,
            showgrid=False,
            zeroline=False,
            automargin=True,
        ),
    )
    return figure


def shorten(name: str, limit: int) -> str:
    """A name of at most `limit` characters; an ellipsis marks what is left out."""
    return name if len(name) <= limit else name[: limit - 1].rstrip() + "…"


def enlarged(
    values: np.ndarray, low: float, high: float, title: str, hover: str, chosen: tuple[int, int], height: int = 440
) -> dict:
    """One map (rows, cols) with its scale; hovering shows each patch's value.

    `hover` is a template with %{customdata[0]} and [1] for row and column, counted from 1, and %{z}.
    """
    rows, cols = values.shape
    figure = _plane(_pointed(height), cols, rows)
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
    _scale(figure, low, high, title)
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
    title: str,
    height: int = 440,
) -> dict:
    """The data URI of a `grid_picture` with a point to click for each patch of `grid`, and its scale."""
    rows, cols = grid
    figure = _plane(_pointed(height), cols, rows)
    figure["layout"]["margin"] = ABOVE
    _picture(figure, picture, (0, 0, cols, rows))
    r, c = np.mgrid[0:rows, 0:cols]
    _targets(figure, c.ravel() + 0.5, r.ravel() + 0.5, np.stack([r.ravel() + 1, c.ravel() + 1], -1).tolist(), hover)
    _scale(figure, low, high, title)
    if chosen:
        _mark(figure, (chosen[1], chosen[0], chosen[1] + 1, chosen[0] + 1))
    return figure


def filters(components: np.ndarray, columns: int = 14) -> Image.Image:
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
    height: int = 340,
) -> dict:
    """One dot per head, by layer: values (layers, heads). `chosen` is highlighted; `top` is a dotted line."""
    layers, heads = values.shape
    layer, head = np.mgrid[1 : layers + 1, 1 : heads + 1]
    figure = _axes(_pointed(height), x_title, y_title, layers)
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


def axis(title: str, **more) -> dict:
    """An axis with its title."""
    return dict(
        title=dict(text=title, font=dict(size=FONT)),
        tickfont=dict(size=FONT),
        fixedrange=True,
        zeroline=False,
        gridcolor=GRID,
        **more,
    )


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
    height: int = 340,
) -> dict:
    """Token norms (layers + 1, N) by depth: a line per prefix token, and the patches' median and range.

    `names`: of the prefix tokens' lines, then of the median and the range.
    """
    depth, _ = values.shape
    x = np.arange(depth)
    of_patches = values[:, len(prefix) :]
    figure = _axes(_pointed(height), x_title, y_title, depth - 1, first=0)
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
