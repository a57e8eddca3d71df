"""How good a multi-label model is: each class is a yes-or-no question of its own, and has a threshold of its own.

Pictures count that could be read and have a label that the model knows. A class that a picture is not labelled with
counts as absent: class folders give each picture one label, so what else it shows is counted against the model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vit_core.evaluation.results import Rows
from vit_core.models.predictions import THRESHOLD


@dataclass(frozen=True)
class MultiLabel:
    """(classes,) each; NaN for a class without a picture."""

    positives: np.ndarray  # pictures with that label
    average_precision: np.ndarray
    threshold: np.ndarray  # the probability from which on F1 is highest, on these pictures
    f1: np.ndarray  # at that threshold
    f1_half: np.ndarray  # at THRESHOLD
    precision_half: np.ndarray  # at THRESHOLD; NaN where nothing reaches it
    recall_half: np.ndarray  # at THRESHOLD
    counted: int  # pictures

    @property
    def mean_average_precision(self) -> float:
        """The mean over the classes with pictures; NaN if there are none."""
        there = np.isfinite(self.average_precision)
        return float(self.average_precision[there].mean()) if there.any() else float("nan")


def load_scores(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """(scores (n, classes) float32, labelled (n, classes) bool) of the pictures that count."""
    table = rows.columns(["scores", "labels", "label", "error"])
    keep = table["error"].is_null().to_numpy() & (table["label"].fill_null(-1).to_numpy() >= 0)
    table = table.filter(keep)
    flat = table["scores"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    scores = flat.astype(np.float32, copy=False).reshape(len(table), -1)
    labelled = np.zeros(scores.shape, bool)
    lists = table["labels"].combine_chunks()
    labelled[np.repeat(np.arange(len(table)), lists.value_lengths().to_numpy()), lists.flatten().to_numpy()] = True
    return scores, labelled


def multi_label(rows: Rows) -> MultiLabel:
    """The metrics of a multi-label model's evaluation."""
    return measure(*load_scores(rows))


def measure(scores: np.ndarray, labelled: np.ndarray) -> MultiLabel:
    """The metrics of scores and labels, both (n, classes)."""
    columns = [_measure_class(s, right) for s, right in zip(scores.T, labelled.T, strict=True)]
    found = np.array(columns, float).reshape(-1, 6).T
    return MultiLabel(labelled.sum(0), *found, counted=len(scores))


def _measure_class(scores: np.ndarray, right: np.ndarray) -> tuple[float, ...]:
    """Average precision, the best threshold, F1 there; F1, precision and recall at THRESHOLD; NaN without positives.

    Average precision is the sum over thresholds of (gain in recall) * precision, as scikit-learn's
    `average_precision_score`, without interpolation; equal scores are one threshold. Of equally good thresholds the
    highest is returned.
    """
    positives = int(right.sum())
    if not positives:
        return (np.nan,) * 6
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.cumsum(right[order])
    last = np.append(ranked[1:] != ranked[:-1], True)  # the last of equal scores
    taken, hits, thresholds = np.flatnonzero(last) + 1, hits[last], ranked[last]
    precision, recall = hits / taken, hits / positives
    average = float((np.diff(recall, prepend=0) * precision).sum())
    f1 = 2 * hits / (taken + positives)
    best = int(f1.argmax())
    above = scores >= THRESHOLD
    both, predicted = int((above & right).sum()), int(above.sum())
    return (
        average,
        float(thresholds[best]),
        float(f1[best]),
        2 * both / (predicted + positives),
        both / predicted if predicted else np.nan,
        both / positives,
    )
