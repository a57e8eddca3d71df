"""Figures draw the numbers they are given, where they belong."""

import base64
import io
import json

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image
from plotly.io import to_json

from app import figures as base
from app.explore import figures
from vit_core.images import draw


def checked(figure: dict) -> go.Figure:
    """As plotly's own class has it, which refuses what plotly.js does not know."""
    return go.Figure(figure)


def decoded(figure, number: int = 0) -> Image.Image:
    source = figure.layout.images[number].source
    return Image.open(io.BytesIO(base64.b64decode(source.split(",")[1])))


@pytest.mark.parametrize(("value", "said"), [
    (0, "0"), (0.014, "0.014"), (0.9999, "1.0"), (0.996, "1.0"), (1.25, "1.2"), (12.4, "12"), (99.6, "100"),
    (1234.5, "1,234"), (0.000512, "0.00051"), (0.0000512, "5.1e-05"), (-0.25, "-0.25"),
])  # fmt: skip
def test_numbers_have_two_significant_digits(value, said):
    assert base.two_digits(value) == said


def test_patches_stand_apart_in_their_own_pixels():
    seen = Image.fromarray(np.arange(6 * 4 * 3, dtype=np.uint8).reshape(6, 4, 3))
    out = np.asarray(figures.patches(seen, (3, 2), (2, 2), size=60))
    factor, gap = 10, 2
    assert out.shape == (3 * 20 + 2 * gap, 2 * 20 + gap, 4)
    assert (out[:, 20 : 20 + gap, 3] == 0).all()
    assert (out[20 + gap, 20 + gap, :3] == np.asarray(seen)[2, 2]).all()
    assert (out[factor * 2 - 1, factor * 2 - 1, :3] == np.asarray(seen)[1, 1]).all()


def test_bars_are_the_probabilities():
    figure = checked(figures.bars(["cat", "dog"], [0.75, 0.0312], "x"))
    bar = figure.data[0]
    assert list(bar.x) == [0.75, 0.0312]
    assert list(bar.text) == ["75\u00a0%", "3.1\u00a0%"]
    assert figure.layout.yaxis.autorange == "reversed"


def test_enlarged_is_the_colour_scale_of_the_values_and_answers_with_them():
    values = np.array([[0.0, 0.1, 0.2], [0.3, 0.4, 0.05]], np.float32)
    figure = checked(figures.enlarged(values, 0.0, 0.4, "x", (1, 1)))
    heat = next(d for d in figure.data if d.type == "heatmap")
    assert np.array_equal(np.asarray(heat.z), values)
    assert np.asarray(heat.customdata)[1, 2].tolist() == [2, 3]
    drawn = np.asarray(decoded(figure).resize((3, 2), Image.Resampling.NEAREST))
    assert np.array_equal(drawn, draw.colour_map(values, 0.0, 0.4))
    scale = next(d for d in figure.data if d.type == "scatter" and d.marker.showscale)
    assert list(scale.marker.colorbar.ticktext) == ["0", "0.10", "0.20", "0.30", "0.40"]
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]  # row 1 on top


def grid_of_grids(similarity, chosen, low):
    picture = base.data_uri(figures.grid_picture(similarity, low, 1), "flat")
    return checked(figures.grid_of_grids(picture, similarity.shape[:2], chosen, "x", low, 1))


def test_grid_of_grids_has_each_map_at_its_patch():
    rows, cols = 2, 3
    similarity = np.linspace(-1, 1, (rows * cols) ** 2).reshape(rows, cols, rows, cols)
    figure = grid_of_grids(similarity, (1, 2), -1)
    image = np.asarray(decoded(figure))
    box = figure.layout.images[0]
    assert (box.x, box.y, box.sizex, box.sizey) == (0, 0, cols, rows)
    clear = np.flatnonzero(image[0 : image.shape[0] // rows, image.shape[1] // cols // 2, 3] == 0)
    gap = len(clear) / image.shape[0] * rows  # a place's part that is between the maps
    for r, c, i, j in ((0, 0, 0, 0), (1, 2, 0, 1), (0, 1, 1, 2), (1, 0, 1, 1)):
        # The centre of cell (i, j) of the map at (r, c), in the figure's units, back to the picture's pixels.
        x, y = (
            (at + gap / 2 + (part + 0.5) / length * (1 - gap)) / length * pixels
            for at, part, length, pixels in ((c, j, cols, image.shape[1]), (r, i, rows, image.shape[0]))
        )
        wanted = draw.colour_map(similarity[r, c], -1, 1)[i, j]
        assert np.array_equal(image[int(y), int(x), :3], wanted), (r, c, i, j)


def test_grid_of_grids_of_many_patches_is_no_larger_than_it_is_seen():
    side = 61  # a model of some 1,000 pixels
    similarity = np.zeros((side, side, side, side), np.float32)
    similarity[:, :, 30:] = 1  # every map: nothing above, everything beneath
    figure = grid_of_grids(similarity, (1, 2), 0)
    image, box = np.asarray(decoded(figure)), figure.layout.images[0]
    assert max(image.shape) < 1300
    assert len(figure.data[0].customdata) == side**2  # every patch can still be clicked
    for r, c in ((0, 0), (60, 60), (17, 40)):
        for part, wanted in ((0.2, 0), (0.8, 1)):
            x, y = (
                (at - start) / length * pixels
                for at, start, length, pixels in (
                    (c + 0.5, box.x, box.sizex, image.shape[1]),
                    (r + part, box.y, box.sizey, image.shape[0]),
                )
            )
            assert np.array_equal(image[int(y), int(x), :3], draw.VIRIDIS[255 * wanted]), (r, c, part)


def test_norms_have_a_line_a_prefix_token():
    values = np.arange(20, dtype=np.float32).reshape(4, 5)
    figure = checked(figures.norms(values, ("class", "register 1"), ["c", "r", "median", "range"], "x", "y", "h"))
    assert figure.layout.showlegend
    assert {trace.name for trace in figure.data if trace.showlegend is None} == {"c", "r", "median", "range"}
    lines = {d.name: d for d in figure.data}
    assert list(lines["c"].y) == [0, 5, 10, 15]
    assert list(lines["median"].y) == [3, 8, 13, 18]
    bare = checked(figures.norms(values, (), ["median", "range"], "x", "y", "h"))
    assert [d.name for d in bare.data] == ["range", "median"]


def test_all_figures_keep_still_and_their_words_are_readable():
    similarity = np.ones((2, 2, 2, 2))
    for figure in (
        checked(figures.bars(["a"], [1.0], "x")),
        grid_of_grids(similarity, None, 0),
        checked(figures.per_head(np.ones((3, 2)), "x", "y", "h", (0, 1), None)),
    ):
        assert figure.layout.font.size >= 14
        assert figure.layout.dragmode is False
        for axis in (figure.layout.xaxis, figure.layout.yaxis):
            assert axis.fixedrange


def test_heads_are_dots_over_their_layers_beneath_a_line():
    values = np.arange(6.0).reshape(3, 2)
    dots, mean, chosen = checked(figures.per_head(values, "x", "y", "h", (1, 0), 7)).data
    assert list(zip(dots.x, dots.y, strict=True)) == [(1, 0), (1, 1), (2, 2), (2, 3), (3, 4), (3, 5)]
    assert dots.customdata.tolist() == [[1, 1], [1, 2], [2, 1], [2, 2], [3, 1], [3, 2]]
    assert list(mean.y) == [0.5, 2.5, 4.5]
    assert (chosen.x, chosen.y) == ((2,), (2,))
    (line,) = checked(figures.per_head(values, "x", "y", "h", None, 7)).layout.shapes
    assert (line.y0, line.y1, line.xref) == (7, 7, "x domain")


@pytest.mark.parametrize("dtype", ["f4", "f8", "i2", "i8", "u1", "?"])
def test_arrays_are_sent_as_plotly_writes_them(dtype):
    values = np.arange(6).reshape(2, 3).astype(dtype)
    written = base.Finished({"data": [{"type": "heatmap", "z": values, "x": values[0]}], "layout": {}}).to_dict()
    for name, array in (("z", values), ("x", values[0])):
        sent = written["data"][0][name]
        back = np.frombuffer(base64.b64decode(sent["bdata"]), sent["dtype"])
        shape = [int(n) for n in sent["shape"].split(",")] if "shape" in sent else [-1]
        assert np.array_equal(back.reshape(shape), array)
        assert sent["dtype"] in ("i1", "u1", "i2", "u2", "i4", "u4", "f4", "f8")  # what plotly.js reads


def test_a_finished_figure_is_what_plotly_would_send():
    values = np.random.default_rng(0).random((3, 2))
    for figure in (
        figures.bars(["a", "b"], [0.7, np.float32(0.25)], "hover"),
        figures.enlarged(values, 0.0, 1.0, "hover", (1, 1)),
        figures.norms(values, ["class"], ["c", "median", "range"], "x", "y", "hover"),
        base.blank(),
    ):
        ours, theirs = base.Finished(figure).to_dict(), json.loads(checked(figure).to_json())
        assert "null" not in json.dumps(ours["layout"])
        assert plain(ours) == plain(theirs)


def plain(value):
    """Without what is empty, typed arrays as lists."""
    if isinstance(value, dict) and "bdata" in value:
        back = np.frombuffer(base64.b64decode(value["bdata"]), value["dtype"])
        return back.reshape([int(n) for n in value.get("shape", "-1").split(",")]).tolist()
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items() if one not in ({}, [])}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def test_a_finished_figure_becomes_json_once_however_often_it_is_sent():
    figure = base.Finished(figures.bars(["a"], [0.3], "hover"))
    first = to_json(figure, validate=False)  # as Streamlit does
    assert json.loads(first)["data"] == figure.to_dict()["data"]
    figure.to_dict()["data"].append({"type": "scatter"})  # who wrote it anew would write this
    anew = to_json(figure, validate=False) != first  # long strings, which pytest compares for a minute
    assert not anew


def test_all_finished_figures_share_one_template():
    one, other = (base.Finished(figures.bars(["a"], [share], "hover")) for share in (0.3, 0.2))
    assert one.to_json() != other.to_json()
    assert one.to_dict()["layout"]["template"] is other.to_dict()["layout"]["template"]
    assert vars(one).keys() == {"_written"}  # plotly's many objects would slow each collection
