"""What all figures share: style, numbers in words, pictures as data, plotly.js as plain dicts. No Streamlit.

Plotly's Python objects check every number, which took more than half of a page's time; a test has them check each
figure once.
"""

from __future__ import annotations

import base64
import functools
import io
import math

import numpy as np
import orjson
import plotly.graph_objects as go
from PIL import Image
from plotly.io.json import to_json_plotly

from vit_core.images import draw

FONT = 15
ACCENT = "#2b95a3"  # between the two themes' accents; a contrast of at least 3 to 1 on both backgrounds
QUIET = "#8a9aa0"
GRID = "rgba(138,154,160,0.25)"
TITLED = dict(l=60, r=8, t=8, b=52)  # margins with axis titles
CONFIG = {"displayModeBar": False, "displaylogo": False, "scrollZoom": False, "doubleClick": False}


def two_digits(value: float) -> str:
    """A number with two significant digits, without an exponent unless it is tiny."""
    if value == 0 or not math.isfinite(value):
        return f"{value:.0f}"
    if abs(value) >= 99.5:
        return f"{value:,.0f}"
    decimals = max(0, 1 - math.floor(math.log10(abs(float(f"{value:.1e}")))))
    return f"{value:.{decimals}f}" if decimals <= 5 else f"{value:.1e}"


def output(value: float) -> str:
    """A regression's output with four significant digits."""
    return (f"{value:,.0f}" if 1000 <= abs(value) < 1e15 else f"{value:.4g}").replace("-", "−")


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


@functools.cache
def icon() -> str:
    """The browser tab's icon: four by four patches in the maps' colours."""
    values = np.exp(-((np.mgrid[0:4, 0:4] - [[[1.2]], [[1.8]]]) ** 2).sum(0) / 3)
    return data_uri(Image.fromarray(draw.colour_map(values)).resize((64, 64), Image.Resampling.NEAREST), "exact")


def shorten(name: str, limit: int) -> str:
    """A name of at most `limit` characters; an ellipsis marks what is left out."""
    return name if len(name) <= limit else name[: limit - 1].rstrip() + "…"


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
