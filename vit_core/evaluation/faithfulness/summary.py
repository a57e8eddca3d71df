"""The summary of a table of faithfulness: a row a method, with intervals and the share of pictures above chance."""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq

RESAMPLES = 2000


class MethodSummary(NamedTuple):
    """One method over all pictures. Intervals hold 95 %, by the bootstrap over pictures."""

    method: str
    pictures: int  # with a map
    deletion: float  # mean area under the curve; small is good
    deletion_interval: tuple[float, float]
    deletion_beats_chance: float  # share of pictures whose area is below the interval of random maps
    insertion: float  # mean area; large is good
    insertion_interval: tuple[float, float]
    insertion_beats_chance: float  # share of pictures whose area is above the interval of random maps


def bootstrap_interval(
    values: np.ndarray, level: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """The interval of the mean of `values` (n,) that holds `level` of its means over samples drawn with replacement.

    The percentile method (Efron 1979). The same seed gives the same interval. Raises ValueError without values.
    """
    values = np.asarray(values, np.float64)
    if not len(values):
        raise ValueError("no values")
    chosen = np.random.default_rng(seed).integers(len(values), size=(resamples, len(values)))
    low, high = np.quantile(values[chosen].mean(1), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def summarise(path: str | os.PathLike) -> list[MethodSummary]:
    """The methods of a rows.parquet of `measure_faithfulness`, best first: by mean insertion minus mean deletion.

    A method that has no map for any picture is left out.
    """
    table = pq.read_table(path).to_pandas()
    found = []
    for method, rows in table[table["deletion"].notna()].groupby("method", sort=False):
        deletion, insertion = rows["deletion"].to_numpy(), rows["insertion"].to_numpy()
        found.append(
            MethodSummary(
                str(method),
                len(rows),
                float(deletion.mean()),
                bootstrap_interval(deletion),
                float((deletion < rows["deletion_low"]).mean()),
                float(insertion.mean()),
                bootstrap_interval(insertion),
                float((insertion > rows["insertion_high"]).mean()),
            )
        )
    return sorted(found, key=lambda one: one.deletion - one.insertion)
