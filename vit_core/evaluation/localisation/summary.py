"""The summary of a table of localisation: a row a method, with intervals, beside what random and uniform maps get."""

from __future__ import annotations

import os
from typing import NamedTuple

import pandas as pd
import pyarrow.parquet as pq

from vit_core.evaluation.metrics import bootstrap_interval


class Mean(NamedTuple):
    """A mean, and the interval that holds 95 % of it, by the bootstrap over pictures or mosaics."""

    mean: float
    low: float
    high: float


class MethodLocalisation(NamedTuple):
    """One method over all pictures with a map. None where no picture had a box, or where there was no mosaic."""

    method: str
    pictures: int  # with a box
    pointing: Mean | None  # share of pictures whose highest patch lies on the object
    pointing_random: float | None  # what a random patch gets
    energy: Mean | None  # mean share of the positive sum in the box
    energy_uniform: float | None  # what a uniform map gets
    mosaics: int
    grid: Mean | None  # mean share of the positive sum in the quadrant of the class; a uniform map gets 0.25


def summarise_localisation(path: str | os.PathLike) -> list[MethodLocalisation]:
    """The methods of a table of `measure_localisation`, best first: by energy in the box, then by mosaics.

    A mosaic counts as one: the mean over its pictures. A method that has no map at all is left out.
    """
    table = pq.read_table(path).to_pandas()
    found = []
    for method, rows in table[table["energy"].notna()].groupby("method", sort=False):
        boxes, grids = rows[rows["mosaic"].isna()], rows[rows["mosaic"].notna()]
        means = grids.groupby("mosaic")["energy"].mean()
        found.append(
            MethodLocalisation(
                str(method),
                len(boxes),
                _mean(boxes["pointing"].astype(float)),
                float(boxes["pointing_random"].mean()) if len(boxes) else None,
                _mean(boxes["energy"]),
                float(boxes["energy_uniform"].mean()) if len(boxes) else None,
                len(means),
                _mean(means),
            )
        )
    return sorted(found, key=lambda one: [-part.mean if part else 0.0 for part in (one.energy, one.grid)])


def _mean(values: pd.Series) -> Mean | None:
    if not len(values):
        return None
    return Mean(float(values.mean()), *bootstrap_interval(values.to_numpy()))
