"""An evaluation compared with another one of the same pictures: what was fixed and what broke. No widgets."""

from __future__ import annotations

import numpy as np

from app.mistakes import requests
from app.mistakes.earlier.kept import KeptEvaluation, read_kept
from app.mistakes.find import Evaluation
from app.mistakes.requests import EvaluationRequest
from vit_core.evaluation import folder as runs
from vit_core.evaluation import metrics


class Compared:
    """`run` (B) compared with `other` (A), over the pictures that both evaluated and that count in both."""

    def __init__(self, other: Evaluation, run: Evaluation):
        self.other, self.run = other, run
        a, b = _same_pictures(other, run)
        of_a, of_b = other.columns, run.columns
        #: How many pictures are the same in both.
        self.common = len(a)
        counted = (of_a.predicted[a] >= 0) & (of_a.label[a] >= 0) & (of_b.predicted[b] >= 0) & (of_b.label[b] >= 0)
        a, b = a[counted], b[counted]
        right_a, right_b = of_a.predicted[a] == of_a.label[a], of_b.predicted[b] == of_b.label[b]
        self.paired = metrics.paired(right_a, right_b)
        #: How many are compared; the sum of the four lists.
        self.counted = len(a)
        lists = {
            "fixed": ~right_a & right_b,
            "broken": right_a & ~right_b,
            "both_wrong": ~right_a & ~right_b,
            "both_right": right_a & right_b,
        }
        #: Row numbers of `run` for each list.
        self.numbers = {name: of_b.number[b[chosen]] for name, chosen in lists.items()}
        #: (classes, classes) pictures more (or fewer) in each cell of the matrix; None if the models' classes differ.
        self.matrix: np.ndarray | None = None
        if other.labels == run.labels and other.num_classes == run.num_classes:
            before, after = (
                metrics.confusion(of.label[rows], of.predicted[rows], run.num_classes)[:-1]
                for of, rows in ((of_a, a), (of_b, b))
            )
            self.matrix = after.astype(np.int64) - before


def _same_pictures(first: Evaluation, second: Evaluation) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the rows of both with the same path and the same bytes."""
    keys = [zip(*run.rows.columns(["path", "hash"]).to_pydict().values(), strict=True) for run in (first, second)]
    place = {(path, digest): row for row, (path, digest, _) in enumerate(keys[0])}
    found = [(place[path, digest], row) for row, (path, digest, _) in enumerate(keys[1]) if (path, digest) in place]
    return tuple(np.array(found, np.int64).reshape(-1, 2).T)


def candidates(request: EvaluationRequest, listed: list[EvaluationRequest]) -> list[KeptEvaluation]:
    """The finished evaluations of `listed` that are of the same pictures as that of `request`."""
    own = _pictures(request)
    same = [other for other in listed if other.id != request.id and _pictures(other) == own]
    return [one for one in map(read_kept, same) if one.state == "done" and one.accuracy is not None]


def _pictures(request: EvaluationRequest) -> str:
    """What identifies the pictures of an evaluation: the digest of their names and labels, else where they are."""
    identity = runs.read_run(requests.shown_folder(request)).get("identity", {})
    return identity.get("source") or f"{request.source} {request.labels}"
