"""The map of token norms: where its colours start and end, what it draws, and what a pointer gets."""

import numpy as np
import pytest
from PIL import Image

from app.explore.norms.figure import norm_lines, norm_map, range_of
from tests.app.explore.test_figures import checked, decoded
from vit_core.images import draw

# 40 to 50, as norms are: far from 0 and near each other
NORMS = np.linspace(40, 50, 100, dtype=np.float32).reshape(10, 10)


def with_outliers(*norms: float) -> np.ndarray:
    out = NORMS.copy()
    for i, norm in enumerate(norms):
        out[i, 3] = norm
    return out


@pytest.mark.parametrize(
    ("norms", "outliers", "clip", "end", "above"),
    [
        (NORMS, 0, True, 50, 0),
        (with_outliers(94), 0, True, 50, 1),  # 54 above the smallest, the others at most 10
        (with_outliers(94), 0, False, 94, 0),
        (with_outliers(65), 0, True, 65, 0),  # 25 above the smallest is less than three times 10
        (with_outliers(94, 90), 0, True, 94, 0),  # two of a hundred, and nobody says that they are outliers
        (with_outliers(94, 90), 2, True, NORMS.max() - 10 / 99, 3),
        (np.full((2, 3), 7, np.float32), 0, True, 7, 0),
    ],
)
def test_the_rule_applies_to_what_is_above_the_smallest_norm(norms, outliers, clip, end, above):
    shown = range_of(norms, outliers, clip)
    assert (shown.low, shown.high) == (norms.min(), norms.max())
    assert shown.end == pytest.approx(end, abs=1e-4)
    assert shown.above == above


def test_the_map_has_the_colours_the_numbers_and_the_rings():
    norms = with_outliers(94)
    shown = range_of(norms, 0, True)
    figure = checked(norm_map(norms, shown, "hover", (2, 5), [(0, 3)], "clipped"))
    heat, scale, *rings = figure.data
    np.testing.assert_array_equal(heat.z, norms)
    bar = scale.marker.colorbar
    assert (bar.ticktext[0], bar.ticktext[-1], bar.title.text) == ("40", "≥ 50", "clipped")
    assert {(ring.x, ring.y) for ring in rings} == {((3.8,), (0.2,))}
    drawn = np.asarray(decoded(figure).resize((10, 10), Image.Resampling.NEAREST))
    np.testing.assert_array_equal(drawn, draw.colour_map(norms, 40.0, 50.0))
    plain = checked(norm_map(NORMS, range_of(NORMS, 0, True), "hover", None, [], ""))
    assert plain.data[1].marker.colorbar.ticktext[-1] == "50"
    assert not plain.layout.shapes


def test_a_point_of_the_lines_returns_its_layer():
    values = np.arange(60, dtype=np.float32).reshape(12, 5)
    figure = checked(norm_lines(values, 4, ("class",), ["class", "median", "range"], "x", "y", "hover"))
    assert [point[0] for point in figure.data[1].customdata] == list(range(12))
    assert len(figure.layout.xaxis.tickvals) <= 6
    [line] = figure.layout.shapes
    assert (line.x0, line.x1) == (4, 4)
