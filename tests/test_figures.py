"""Figures draw the numbers they are given, where they belong."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from app import figures
from vit_core import draw


def decoded(figure) -> Image.Image:
    source = figure.layout.images[0].source
    return Image.open(io.BytesIO(base64.b64decode(source.split(",")[1])))


@pytest.mark.parametrize(("value", "said"), [
    (0, "0"), (0.014, "0.014"), (0.9999, "1.0"), (0.996, "1.0"), (1.25, "1.2"), (12.4, "12"), (99.6, "100"),
    (1234.5, "1,234"), (0.000512, "0.00051"), (0.0000512, "5.1e-05"), (-0.25, "-0.25"),
])  # fmt: skip
def test_numbers_have_two_significant_digits(value, said):
    assert figures.two_digits(value) == said


def test_patches_stand_apart_in_their_own_pixels():
    seen = Image.fromarray(np.arange(6 * 4 * 3, dtype=np.uint8).reshape(6, 4, 3))
    out = np.asarray(figures.patches(seen, (3, 2), (2, 2), size=60))
    factor, gap = 10, 2
    assert out.shape == (3 * 20 + 2 * gap, 2 * 20 + gap, 4)
    assert (out[:, 20 : 20 + gap, 3] == 0).all()
    assert (out[20 + gap, 20 + gap, :3] == np.asarray(seen)[2, 2]).all()
    assert (out[factor * 2 - 1, factor * 2 - 1, :3] == np.asarray(seen)[1, 1]).all()


def test_bars_are_the_probabilities():
    figure = figures.bars(["cat", "dog"], [0.75, 0.0312], "x")
    bar = figure.data[0]
    assert list(bar.x) == [0.75, 0.0312]
    assert list(bar.text) == ["75 %", "3.1 %"]
    assert figure.layout.yaxis.autorange == "reversed"


def test_scales_are_shared_or_each_maps_own():
    maps = np.array([[[0.0, 0.5]], [[0.1, 0.2]]])
    assert figures.limits(maps, True) == [(0, 0.5), (0, 0.5)]
    assert figures.limits(maps, False) == [(0, 0.5), (0.1, 0.2)]


def test_enlarged_is_the_colour_scale_of_the_values_and_answers_with_them():
    values = np.array([[0.0, 0.1, 0.2], [0.3, 0.4, 0.05]], np.float32)
    figure = figures.enlarged(None, values, 0.0, 0.4, "weight", "x", (1, 1))
    heat = next(d for d in figure.data if d.type == "heatmap")
    assert np.array_equal(np.asarray(heat.z), values)
    assert np.asarray(heat.customdata)[1, 2].tolist() == [2, 3]
    drawn = np.asarray(decoded(figure).resize((3, 2), Image.Resampling.NEAREST))
    assert np.array_equal(drawn, draw.colour_map(values, 0.0, 0.4))
    scale = next(d for d in figure.data if d.type == "scatter" and d.marker.showscale)
    assert list(scale.marker.colorbar.ticktext) == ["0 %", "10 %", "20 %", "30 %", "40 %"]
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]  # row 1 on top


@pytest.mark.parametrize("grid", [(3, 4), (14, 14), (37, 37), (1, 9)])
@pytest.mark.parametrize("count", [1, 5, 13, 33])
def test_strips_place_each_map_under_its_target(grid, count):
    maps = np.zeros((count, *grid), np.float32)
    maps[np.arange(count), np.arange(count) % grid[0], np.arange(count) % grid[1]] = 1  # one bright patch each
    region = Image.new("RGB", (grid[1] * 10, grid[0] * 10), "black")
    labels = [str(i) for i in range(count)]
    figure = figures.strip(region, maps, labels, labels, figures.limits(maps, True), 1.0, count - 1, grid[0] / grid[1])
    sheet, targets = np.asarray(decoded(figure)), figure.data[0]
    cell_w = 200 if count <= 15 else 140
    cell_h = round(cell_w * grid[0] / grid[1])
    for i in range(count):
        left, top = targets.x[i] - cell_w / 2, targets.y[i] - cell_h / 2
        x = left + (i % grid[1] + 0.5) * cell_w / grid[1]
        y = top + (i % grid[0] + 0.5) * cell_h / grid[0]
        near = sheet[int(y), int(x), :3].astype(int) - draw.colours()[255]
        assert np.abs(near).max() <= (8 if min(cell_h, cell_w) / max(grid) > 8 else 90)  # WebP blurs the smallest
    assert len(figure.layout.annotations) == count
    places = list(zip(targets.y, targets.x, strict=True))
    assert places == sorted(places)  # read line by line
    width, height = figure.layout.xaxis.range[1] - figure.layout.xaxis.range[0], figure.layout.yaxis.range[0]
    assert figures.strip_aspect(count, grid[0] / grid[1]) == pytest.approx(width / height, rel=0.05)


def test_grid_of_grids_has_each_map_at_its_patch():
    rows, cols = 2, 3
    similarity = np.linspace(-1, 1, (rows * cols) ** 2).reshape(rows, cols, rows, cols)
    figure = figures.grid_of_grids(similarity, (1, 2), "x", -1, 1, "cosine")
    image = np.asarray(decoded(figure))
    box = figure.layout.images[0]
    for r, c, i, j in ((0, 0, 0, 0), (1, 2, 0, 1), (0, 1, 1, 2), (1, 0, 1, 1)):
        # The centre of cell (i, j) of the map at (r, c), in the figure's units, back to the picture's pixels.
        gap = 2 * box.x
        x = (c + gap / 2 + (j + 0.5) / cols * (1 - gap) - box.x) / box.sizex * image.shape[1]
        gap = 2 * box.y
        y = (r + gap / 2 + (i + 0.5) / rows * (1 - gap) - box.y) / box.sizey * image.shape[0]
        wanted = draw.colour_map(similarity[r, c], -1, 1)[i, j]
        assert np.array_equal(image[int(y), int(x), :3], wanted), (r, c, i, j)


def test_norms_have_a_line_a_prefix_token():
    values = np.arange(20, dtype=np.float32).reshape(4, 5)
    figure = figures.norms(values, ("class", "register 1"), ["c", "r", "median", "range"], "x", "y", "h")
    lines = {d.name: d for d in figure.data}
    assert list(lines["c"].y) == [0, 5, 10, 15]
    assert list(lines["median"].y) == [3, 8, 13, 18]
    bare = figures.norms(values, (), ["median", "range"], "x", "y", "h")
    assert [d.name for d in bare.data] == ["range", "median"]


def test_all_figures_keep_still_and_their_words_are_readable():
    similarity = np.ones((2, 2, 2, 2))
    for figure in (figures.bars(["a"], [1.0], "x"), figures.grid_of_grids(similarity, None, "x", 0, 1, "s"),
                   figures.per_head(np.ones((3, 2)), "x", "y", "h", (0, 1), None)):
        assert figure.layout.height
        assert figure.layout.font.size >= 14
        assert figure.layout.dragmode is False
        for axis in (figure.layout.xaxis, figure.layout.yaxis):
            assert axis.fixedrange


def test_a_finished_figure_is_what_it_was_and_shares_what_all_have():
    one, other = (figures.bars(["a", "b"], [0.7, p], "hover") for p in (0.3, 0.2))
    done, also = figures.Finished(one), figures.Finished(other)
    assert done.to_json() == one.to_json()
    assert also.to_json() == other.to_json() != done.to_json()
    assert done.to_dict()["layout"]["template"] is also.to_dict()["layout"]["template"]
    assert vars(done).keys() == {"_written"}
