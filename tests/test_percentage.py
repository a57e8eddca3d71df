"""Shares as text: two significant digits, and an honest word for what would be rounded to nothing or to everything."""

import pytest

from vit_core.percentage import percent


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (0, "0 %"),
        (7.8e-8, "< 0.01 %"),
        (0.000099, "< 0.01 %"),
        (0.0001, "0.010 %"),
        (0.00057, "0.057 %"),
        (0.0094, "0.94 %"),
        (0.00996, "1.0 %"),
        (0.0141, "1.4 %"),
        (0.0994, "9.9 %"),
        (0.0996, "10 %"),
        (0.125, "13 %"),  # a half is rounded up, as in JavaScript
        (0.6, "60 %"),
        (0.994, "99 %"),
        (0.997, "99.7 %"),
        (0.9996, "> 99.9 %"),
        (0.99999994, "100 %"),  # 1 in float32, but for a rounding error
        (1, "100 %"),
        (float("nan"), "–"),
    ],
)
def test_a_share_in_percent(share, shown):
    assert percent(share).replace("\u00a0", " ") == shown
    assert " " not in percent(share), "a line may not break inside a number"
