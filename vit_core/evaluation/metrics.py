"""How good the model is, and where it errs: numpy in, numpy out, from the columns of an evaluation.

Throughout, `label` and `predicted` are (n,) numbers of the model's classes; label -1 is a picture of a class that the
model does not know, predicted -1 one that could not be read. Neither is right or wrong; both are counted apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from vit_core.evaluation.embeddings import collected as collected
from vit_core.evaluation.embeddings import map2d as map2d
from vit_core.evaluation.embeddings import map_of as map_of
from vit_core.evaluation.embeddings import near_duplicates as near_duplicates
from vit_core.evaluation.filters import Filter
from vit_core.evaluation.results import Rows


@dataclass(frozen=True)
class Columns:
    """What the metrics need of the rows of a filter, in the file's order."""

    number: np.ndarray  # (n,) int64, the row's place in the file: Rows.at(number) are the rows
    label: np.ndarray  # (n,) int32
    predicted: np.ndarray  # (n,) int32
    probability: np.ndarray  # (n,) float64 of the prediction; NaN where unread
    p_label: np.ndarray  # (n,) float64 of the label; NaN where unknown or unread
    top: np.ndarray  # (n, 5) int32, most probable first, -1 where there are fewer
    top_p: np.ndarray  # (n, 5) float64, 0 where there are fewer


def of(rows: Rows, filter: Filter | None = None) -> Columns:
    """The columns of a filter's rows; about 100 bytes a row."""
    table = rows.columns(["label", "predicted", "probability", "p_label", "top", "top_p", "error"], filter)
    unread = table["error"].is_valid().to_numpy()

    def plain(name: str, dtype, missing) -> np.ndarray:
        values = table[name].fill_null(missing).to_numpy().astype(dtype)
        values[unread] = missing if name != "label" else values[unread]
        return values

    def five(name: str, dtype, missing) -> np.ndarray:
        lists, out = table[name].combine_chunks(), np.full((len(table), 5), missing, dtype)
        lengths = np.where(unread, 0, lists.value_lengths().fill_null(0).to_numpy())
        starts = lists.offsets.to_numpy()[:-1]
        for place in range(5):
            has = lengths > place
            out[has, place] = lists.values.to_numpy()[starts[has] + place]
        return out

    return Columns(
        table["number"].to_numpy().astype(np.int64),
        plain("label", np.int32, -1),
        plain("predicted", np.int32, -1),
        plain("probability", np.float64, np.nan),
        plain("p_label", np.float64, np.nan),
        five("top", np.int32, -1),
        five("top_p", np.float64, 0.0),
    )


def wilson(right, total, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """The score interval of a share right / total (Wilson 1927, JASA 22:209-212); (0, 1) of nothing.

    Never leaves [0, 1] and holds at few pictures, where right/total +- z s/sqrt(n) does not.
    """
    right, total = np.asarray(right, float), np.asarray(total, float)
    z, n = NormalDist().inv_cdf((1 + level) / 2), np.maximum(total, 1)
    share = right / n
    centre, half = share + z * z / (2 * n), z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = ((centre + sign * half) / (1 + z * z / n) for sign in (-1, 1))
    # At 0 of n and n of n the interval ends exactly there, which rounding misses.
    return (np.where((total == 0) | (right == 0), 0.0, low), np.where((total == 0) | (right == total), 1.0, high))


@dataclass(frozen=True)
class Accuracy:
    """Shares of the counted pictures, with their Wilson 95 % interval; NaN and (0, 1) where none counts."""

    counted: int
    right: int
    right5: int  # the label is among the five most probable; with five classes or fewer always
    unknown: int  # readable, of a class that the model does not know
    unreadable: int
    top1: float
    top1_interval: tuple[float, float]
    top5: float
    top5_interval: tuple[float, float]


def accuracy(label: np.ndarray, predicted: np.ndarray, top: np.ndarray) -> Accuracy:
    read = predicted >= 0
    counts = read & (label >= 0)
    n, right = int(counts.sum()), int((counts & (predicted == label)).sum())
    right5 = int((counts & (top == label[:, None]).any(1)).sum())
    (low, low5), (high, high5) = (ends.tolist() for ends in wilson([right, right5], n))
    return Accuracy(
        n,
        right,
        right5,
        int((read & (label < 0)).sum()),
        int((~read).sum()),
        right / n if n else np.nan,
        (low, high),
        right5 / n if n else np.nan,
        (low5, high5),
    )


def confusion(label: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts (classes + 1, classes) int64: row the label, column the prediction. The last row, which is also row -1,
    holds the pictures of classes that the model does not know."""
    read = predicted >= 0
    row = np.where(label[read] < 0, classes, label[read]).astype(np.int64)
    return np.bincount(row * classes + predicted[read], minlength=(classes + 1) * classes).reshape(-1, classes)


def normalised(counts: np.ndarray, by: str | None) -> np.ndarray:
    """Counts as shares of their "row" (what became of a class), of their "column" (what a prediction is made of), or
    with None as they are; float64. NaN in a row or column that holds nothing: no share is not the share 0."""
    if by not in ("row", "column", None):
        raise ValueError(f"by must be 'row', 'column' or None, not {by!r}")
    if by is None:
        return counts.astype(float)
    total = counts.sum(1 if by == "row" else 0, keepdims=True)
    return np.divide(counts, total, out=np.full(counts.shape, np.nan), where=total > 0)


def order(counts: np.ndarray) -> np.ndarray:
    """A permutation (classes,) of the classes that puts those together that are taken for each other.

    Two classes are as near as the share of their pictures that went from one to the other. Average-linkage clustering
    (by nearest-neighbour chains, Murtagh 1983, Comput. J. 26:354-359), and where two clusters meet, each turned so that
    the nearer ends touch. Groups with the most errors come first, classes without any come last, in their own order.
    `counts`: (classes, classes), or with the unknown row beneath, which has no part in it.
    """
    n = counts.shape[1]
    counts = counts[:n].astype(float)
    both, pictures = counts + counts.T, counts.sum(1)
    np.fill_diagonal(both, 0)
    pictures = pictures[:, None] + pictures
    near = np.divide(both, pictures, out=np.zeros((n, n)), where=pictures > 0)
    linked, line, todo, chain = near.copy(), [[i] for i in range(n)], list(range(n))[::-1], []
    np.fill_diagonal(linked, -1)
    groups, gone = [], np.zeros(n, bool)
    while todo or chain:
        if not chain:
            chain = [todo.pop()]
        a = chain[-1]
        if gone[a]:  # merged into another, or finished, since it was put down
            chain.pop()
            continue
        b = int(linked[a].argmax())
        if linked[a, b] <= 0:  # nothing left that it is confused with
            groups.append(line[a])
            gone[a] = True
        elif len(chain) > 1 and linked[a, chain[-2]] >= linked[a, b]:  # nearest to each other
            b = chain[-2]
            del chain[-2:]
            size, other = len(line[a]), len(line[b])
            mean = (size * linked[a] + other * linked[b]) / (size + other)
            # The mean may round above both, and the chain would then run in a circle.
            linked[a] = linked[:, a] = np.minimum(mean, np.maximum(linked[a], linked[b]))
            linked[b] = linked[:, b] = linked[a, a] = -1
            gone[b] = True
            line[a] = _joined(line[a], line[b], near)
            todo.append(a)
        else:
            chain.append(b)
    groups = [g if g[0] <= g[-1] else g[::-1] for g in groups]
    groups.sort(key=lambda g: (len(g) == 1, -both[np.ix_(g, g)].sum(), min(g)))
    return np.array([i for g in groups for i in g], np.int64)


def _joined(a: list[int], b: list[int], near: np.ndarray) -> list[int]:
    ways = [(a, b), (a, b[::-1]), (a[::-1], b), (a[::-1], b[::-1])]
    one, two = max(ways, key=lambda way: near[way[0][-1], way[1][0]])
    return one + two


@dataclass(frozen=True)
class PerClass:
    """(classes,) each. Pictures of unknown classes have no part in it. NaN where a share is of nothing."""

    support: np.ndarray  # pictures of the class
    predicted: np.ndarray  # pictures taken for it
    right: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    recall_low: np.ndarray  # Wilson 95 %
    recall_high: np.ndarray
    f1: np.ndarray  # the harmonic mean of precision and recall


def per_class(counts: np.ndarray) -> PerClass:
    """From the counts of `confusion`."""
    counts = counts[: counts.shape[1]]
    support, predicted, right = counts.sum(1), counts.sum(0), counts.diagonal().copy()

    def share(part, whole):
        return np.divide(part, whole, out=np.full(len(support), np.nan), where=whole > 0)

    return PerClass(
        support,
        predicted,
        right,
        share(right, predicted),
        share(right, support),
        *wilson(right, support),
        share(2 * right, support + predicted),
    )


@dataclass(frozen=True)
class Calibration:
    """(bins,) each, over the pictures that are counted; empty bins of equal width have NaN."""

    low: np.ndarray  # of the confidence; a bin holds (low, high], or by equal mass [low, high]
    high: np.ndarray
    count: np.ndarray
    confidence: np.ndarray  # mean
    accuracy: np.ndarray
    accuracy_low: np.ndarray  # Wilson 95 %
    accuracy_high: np.ndarray
    ece: float  # NaN where no picture counts


def calibration(
    probability: np.ndarray, label: np.ndarray, predicted: np.ndarray, bins: int = 15, by: str = "width"
) -> Calibration:
    """Is the model right as often as it is sure? Expected calibration error: mean over the pictures of
    |accuracy - confidence| of their bin (Guo et al. 2017, arXiv:1706.04599, eqs 2-5).

    by="width": `bins` equal parts of (0, 1], Guo's. by="mass": as many pictures in each as equal confidences allow,
    which are never parted; there may be fewer bins then.
    """
    counts = (predicted >= 0) & (label >= 0)
    sure, right = probability[counts], (predicted == label)[counts]
    if by == "width":
        edges = np.linspace(0, 1, bins + 1)
        low, high, inner = edges[:-1], edges[1:], edges[1:-1]
    elif by == "mass":
        ranks = np.ceil(np.arange(1, bins + 1) * len(sure) / bins).astype(int) - 1
        high = np.unique(np.sort(sure)[ranks]) if len(sure) else np.empty(0)
        inner = high[:-1]
    else:
        raise ValueError(f"by must be 'width' or 'mass', not {by!r}")
    place = np.searchsorted(inner, sure, side="left")  # a confidence on an edge belongs beneath it
    n = np.bincount(place, minlength=len(high)) if len(high) else np.empty(0, int)
    hits = np.bincount(place, right, len(n)) if len(n) else np.empty(0)
    if by == "mass":
        low = np.full(len(n), np.inf)
        np.minimum.at(low, place, sure)
    with np.errstate(invalid="ignore"):
        confidence, accurate = (np.bincount(place, sure, len(n)) if len(n) else np.empty(0)) / n, hits / n
    ece = float(np.nansum(n * np.abs(accurate - confidence)) / len(sure)) if len(sure) else np.nan
    return Calibration(low, high, n, confidence, accurate, *wilson(hits, n), ece)


def brier(probability: np.ndarray, label: np.ndarray, predicted: np.ndarray) -> float:
    """Mean of (confidence - right)^2 over the counted pictures: Brier's score (1950) of the statement "this prediction
    is right". Exact from what an evaluation keeps; NaN where no picture counts."""
    counts = (predicted >= 0) & (label >= 0)
    return float(np.mean((probability - (predicted == label))[counts] ** 2)) if counts.any() else np.nan


def brier_bounds(columns: Columns, classes: int) -> tuple[float, float]:
    """Between which two numbers lies Brier's score over all classes, mean of sum_k (p_k - [k is the label])^2?

    An evaluation keeps the five largest probabilities and the label's, not all. What they leave is spread least by
    equal parts over the other classes, and most by parts as large as the smallest of the top, as far as it reaches.
    With six classes or fewer, both are the score itself, but for the last bits.
    """
    c = columns
    counts = (c.predicted >= 0) & (c.label >= 0)
    if not counts.any():
        return np.nan, np.nan
    label, top, top_p, p_label = c.label[counts], c.top[counts], c.top_p[counts], c.p_label[counts]
    outside = ~(top == label[:, None]).any(1)
    known, others = (top >= 0).sum(1) + outside, (top_p**2).sum(1) + outside * p_label**2 - 2 * p_label + 1
    rest, hidden = (1 - top_p.sum(1) - outside * p_label).clip(0), classes - known
    cap = np.where(top >= 0, top_p, np.inf).min(1)
    least = np.divide(rest**2, hidden, out=np.zeros(len(rest)), where=hidden > 0)
    full = np.floor(np.divide(rest, cap, out=np.zeros(len(rest)), where=cap > 0))
    most = np.where(hidden > 0, full * cap**2 + (rest - full * cap) ** 2, 0)
    return float((others + least).mean()), float((others + np.maximum(least, most)).mean())


@dataclass(frozen=True)
class LabelErrors:
    """Rows whose label may be wrong, the widest margin first, equals in the rows' order; (m,) each."""

    index: np.ndarray  # into the arrays given
    given: np.ndarray  # the label's class
    suggested: np.ndarray  # the class that the model is confident of
    margin: np.ndarray  # p(suggested) - p(given)
    thresholds: np.ndarray  # (classes,); NaN for a class without pictures


def label_errors(columns: Columns, classes: int) -> LabelErrors:
    """Confident learning (Northcutt et al. 2021, arXiv:1911.00068, section 3.1): a class's threshold is the mean
    probability that its own pictures give it; a label is doubtful where the prediction reaches the threshold of its
    class and the label's probability stays beneath its own.

    Thresholds, predictions and margins are exact. Two things differ from the paper's confident joint, which counts a
    picture for the most probable of all classes whose threshold it reaches: a class other than the prediction is not
    tried (the evaluation keeps five classes, not all), so that some doubtful labels are not found; and a label that
    reaches its own threshold is never doubted, so that what is found is less, and surer.

    The model must not have been trained on these pictures: then it has learned the wrong labels too.
    """
    c = columns
    counts = (c.predicted >= 0) & (c.label >= 0)
    label, predicted = np.where(counts, c.label, 0), np.where(counts, c.predicted, 0)
    n = np.bincount(label[counts], minlength=classes)
    total = np.bincount(label[counts], c.p_label[counts], classes)
    thresholds = np.divide(total, n, out=np.full(classes, np.nan), where=n > 0)
    doubtful = (
        counts & (predicted != label) & (c.probability >= thresholds[predicted]) & (c.p_label < thresholds[label])
    )  # NaN is never reached
    index = np.flatnonzero(doubtful)
    margin = c.probability[index] - c.p_label[index]
    ranked = np.argsort(-margin, kind="stable")
    index = index[ranked]
    return LabelErrors(index, label[index], predicted[index], margin[ranked], thresholds)
