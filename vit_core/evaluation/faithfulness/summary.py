"""The summary of a table of faithfulness: a row a method, with intervals and the share of pictures above chance."""

from __future__ import annotations

import os
from typing import NamedTuple

import pyarrow.parquet as pq

from vit_core.evaluation.metrics import bootstrap_interval


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
