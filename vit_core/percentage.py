"""Writes shares as percentages, by one rule in every text that Vitrine shows."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal


def percent(share: float) -> str:
    """A share of 1 as a percentage for people: "60 %", "1.4 %", "0.057 %"; the space does not break.

    Two significant digits, three from 99.5 % on. Smaller than 0.01 % is "< 0.01 %", and what would be rounded up to
    100 % is "> 99.9 %"; only float32's rounding errors are ignored. "–" for NaN. app/components/percent.js is the same
    function in the browser.
    """
    value = 100 * float(share)
    if not math.isfinite(value):
        return "–"
    if 0 < value < 0.01:
        return "<\u00a00.01\u00a0%"
    if 99.95 <= value < 99.9999:
        return ">\u00a099.9\u00a0%"
    if value == 0 or value >= 99.9999 or 9.95 <= value < 99.5:
        decimals = 0
    else:
        decimals = 1 if value >= 0.995 else 2 if value >= 0.0995 else 3
    rounded = Decimal(value).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)  # as JavaScript rounds
    return f"{rounded}\u00a0%"
