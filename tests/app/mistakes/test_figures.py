"""The figures of Mistakes draw the numbers they are given."""

import numpy as np
import plotly.graph_objects as go
import pytest

from app.mistakes.overview import figures
from vit_core.evaluation.metrics import Calibration


def test_calibration_has_a_bar_for_each_bin_that_has_pictures():
    edges = np.linspace(0, 1, 4)
    share = np.array([0.5, 0.0, 0.9])
    of = Calibration(
        edges[:-1], edges[1:], np.array([4, 0, 6]), np.array([0.2, 0.0, 0.8]), share, share - 0.1, share + 0.05, 0.1
    )
    bars, ideal = go.Figure(figures.calibration(of, "x", "y", "h")).data
    assert bars.x == pytest.approx([100 / 6, 500 / 6])
    assert list(bars.y) == [50, 90]
    assert bars.customdata.tolist() == [[4, 0.2], [6, 0.8]]
    assert bars.error_y.array == pytest.approx([5, 5])
    assert bars.error_y.arrayminus == pytest.approx([10, 10])
    assert (ideal.x, ideal.y) == ((0, 100), (0, 100))


def test_points_are_drawn_by_outcome_the_errors_last():
    places, names = np.arange(8.0).reshape(4, 2), ("right", "wrong", "neither")
    outcome, numbers = np.array([1, 0, 1, 2]), np.array([7, 8, 9, 10])
    figure = go.Figure(figures.embedding_map(places, outcome, numbers, list("abcd"), names))
    assert [(trace.name, trace.customdata.tolist(), list(trace.text)) for trace in figure.data] == [
        ("neither", [10], ["d"]),
        ("right", [8], ["b"]),
        ("wrong", [7, 9], ["a", "c"]),
    ]
    assert list(figure.data[2].x) == [0, 4]
