"""How good the model is, and where it errs: numpy in, numpy out, from the columns of an evaluation.

Everywhere, `label` and `predicted` are (n,) numbers of the model's classes. Label -1 is a class that the model does not
know, predicted -1 a picture that could not be read; these pictures are neither right nor wrong and counted separately.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import squareform
from scipy.special import bdtr

from vit_core.evaluation.filters import Filter
from vit_core.evaluation.results import Rows

RESAMPLES = 2000  # of a bootstrap interval
MAX_OPTIMAL_ORDER = 400  # classes; ordering the leaves of 1,000 takes seconds


@dataclass(frozen=True)
class Columns:
    """The columns that the metrics need, of a filter's rows in the file's order."""

    number: np.ndarray  # (n,) int64, for Rows.at
    label: np.ndarray  # (n,) int32
    predicted: np.ndarray  # (n,) int32
    probability: np.ndarray  # (n,) float64 of the prediction; NaN where unread
    p_label: np.ndarray  # (n,) float64 of the label; NaN where unknown or unread
    top: np.ndarray  # (n, 5) int32, most probable first, -1 where there are fewer
    top_p: np.ndarray  # (n, 5) float64, 0 where there are fewer


def load_columns(rows: Rows, filter: Filter | None = None) -> Columns:
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
    """(low, high) of the score interval of right / total (Wilson 1927, JASA 22:209-212); (0, 1) where total is 0.

    Stays within [0, 1] and holds for few pictures, unlike right/total +- z s/sqrt(n). scipy's
    `binomtest(...).proportion_ci("wilson")` gives the same, but for one share at a time.
    """
    right, total = np.asarray(right, float), np.asarray(total, float)
    z, n = NormalDist().inv_cdf((1 + level) / 2), np.maximum(total, 1)
    share = right / n
    centre, half = share + z * z / (2 * n), z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = ((centre + sign * half) / (1 + z * z / n) for sign in (-1, 1))
    # The interval of 0 of n begins at exactly 0, that of n of n ends at exactly 1; rounding would miss that.
    return (np.where((total == 0) | (right == 0), 0.0, low), np.where((total == 0) | (right == total), 1.0, high))


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


@dataclass(frozen=True)
class Paired:
    """Two evaluations, A and B, of the same pictures: how many are right in both, in one, or in none of them."""

    both_right: int
    fixed: int  # right in B only
    broken: int  # right in A only
    both_wrong: int
    difference: float  # the accuracy of B minus that of A; NaN without pictures, as are the ends
    low: float  # of the difference's 95 % interval
    high: float
    p: float  # of McNemar's exact test: that as many or more one-sided changes come by chance


def paired(right_a: np.ndarray, right_b: np.ndarray, level: float = 0.95) -> Paired:
    """Compare two evaluations of the same pictures; `right_a`, `right_b`: (n,) bool, in the same order.

    The interval is that of Agresti and Min (2005, Statistics in Medicine 24:729-740), Wald's with half a picture added
    to each of the four counts. It uses that the pictures are the same: two separate intervals would be too wide. The
    test is the exact one of McNemar (1947): under no difference, each change is a fixed or a broken one with equal
    probability.
    """
    n, fixed, broken = len(right_a), int((~right_a & right_b).sum()), int((right_a & ~right_b).sum())
    both_right = int((right_a & right_b).sum())
    counts = dict(both_right=both_right, fixed=fixed, broken=broken, both_wrong=n - both_right - fixed - broken)
    if not n:
        return Paired(**counts, difference=np.nan, low=np.nan, high=np.nan, p=1.0)
    more, less = (fixed + 0.5) / (n + 2), (broken + 0.5) / (n + 2)
    half = NormalDist().inv_cdf((1 + level) / 2) * np.sqrt((more + less - (more - less) ** 2) / (n + 2))
    low, high = (float(np.clip(more - less + sign * half, -1, 1)) for sign in (-1, 1))
    changes = fixed + broken
    p = min(1.0, 2 * float(bdtr(min(fixed, broken), changes, 0.5))) if changes else 1.0
    return Paired(**counts, difference=(fixed - broken) / n, low=low, high=high, p=p)


@dataclass(frozen=True)
class Accuracy:
    """Shares of the counted pictures with their Wilson 95 % intervals; NaN and (0, 1) if there are none."""

    counted: int
    right: int
    right5: int  # the label is among the five most probable classes
    unknown: int  # readable, but of a class that the model does not know
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
    """Counts (classes + 1, classes) int64: row the label, column the prediction. The last row (label -1) counts the
    pictures of classes that the model does not know."""
    read = predicted >= 0
    row = np.where(label[read] < 0, classes, label[read]).astype(np.int64)
    return np.bincount(row * classes + predicted[read], minlength=(classes + 1) * classes).reshape(-1, classes)


def normalised(counts: np.ndarray, by: str | None) -> np.ndarray:
    """Counts as shares of their "row" (the pictures of a class), of their "column" (the pictures of a prediction), or
    unchanged (None); float64. NaN in an empty row or column."""
    if by not in ("row", "column", None):
        raise ValueError(f"by must be 'row', 'column' or None, not {by!r}")
    if by is None:
        return counts.astype(float)
    total = counts.sum(1 if by == "row" else 0, keepdims=True)
    return np.divide(counts, total, out=np.full(counts.shape, np.nan), where=total > 0)


def seriate(counts: np.ndarray) -> np.ndarray:
    """A permutation (classes,) that puts classes together that are confused with each other.

    The similarity of two classes is the share of their pictures that went from one to the other. Each group of
    connected classes is clustered (average linkage). In groups of up to MAX_OPTIMAL_ORDER classes the leaves are
    ordered so that neighbours are most similar (Bar-Joseph et al. 2001). Groups with the most errors come first;
    classes without errors come last, in their own order. `counts`: (classes, classes); a row of unknown classes beneath
    is ignored.
    """
    n = counts.shape[1]
    counts = counts[:n].astype(float)
    errors, pictures = counts + counts.T, counts.sum(1)
    np.fill_diagonal(errors, 0)
    pictures = pictures[:, None] + pictures
    similarity = np.divide(errors, pictures, out=np.zeros((n, n)), where=pictures > 0)
    group_of = connected_components(similarity, directed=False)[1] if n else np.empty(0, int)
    groups = [np.flatnonzero(group_of == number) for number in np.unique(group_of)]
    for i, group in enumerate(groups):
        if len(group) > 2:
            distances = squareform(1 - similarity[np.ix_(group, group)], checks=False)
            optimal = len(group) <= MAX_OPTIMAL_ORDER
            group = group[leaves_list(linkage(distances, "average", optimal_ordering=optimal))]
        groups[i] = group if group[0] <= group[-1] else group[::-1]
    groups.sort(key=lambda group: (len(group) == 1, -errors[np.ix_(group, group)].sum(), group.min()))
    return np.concatenate([*groups, np.empty(0, np.int64)])


@dataclass(frozen=True)
class PerClass:
    """(classes,) each, without pictures of unknown classes. NaN where a share has no pictures."""

    support: np.ndarray  # pictures of the class
    predicted: np.ndarray  # pictures predicted as the class
    right: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    recall_low: np.ndarray  # Wilson 95 %
    recall_high: np.ndarray
    f1: np.ndarray  # the harmonic mean of precision and recall


def per_class(counts: np.ndarray) -> PerClass:
    """Precision, recall and F1 of each class, from the counts of `confusion`."""
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
    """(bins,) each, over the counted pictures; NaN in empty bins."""

    low: np.ndarray  # of the confidence; a bin holds (low, high]
    high: np.ndarray
    count: np.ndarray
    confidence: np.ndarray  # mean
    accuracy: np.ndarray
    accuracy_low: np.ndarray  # Wilson 95 %
    accuracy_high: np.ndarray
    ece: float  # NaN if no picture counts


def calibration(probability: np.ndarray, label: np.ndarray, predicted: np.ndarray, bins: int = 15) -> Calibration:
    """Accuracy and confidence in `bins` equal parts of (0, 1], and the expected calibration error: the mean over the
    pictures of |accuracy - confidence| of their bin (Guo et al. 2017, arXiv:1706.04599, eqs 2-5)."""
    counted = (predicted >= 0) & (label >= 0)
    sure, right = probability[counted], (predicted == label)[counted]
    edges = np.linspace(0, 1, bins + 1)
    place = np.searchsorted(edges[1:-1], sure, side="left")  # a confidence on an edge belongs to the bin below
    n, hits = np.bincount(place, minlength=bins), np.bincount(place, right, bins)
    with np.errstate(invalid="ignore"):
        confidence, accurate = np.bincount(place, sure, bins) / n, hits / n
    ece = float(np.nansum(n * np.abs(accurate - confidence)) / len(sure)) if len(sure) else np.nan
    return Calibration(edges[:-1], edges[1:], n, confidence, accurate, *wilson(hits, n), ece)


def label_issues(columns: Columns, classes: int) -> np.ndarray:
    """Indices (m,) into `columns` of labels that may be wrong, by confident learning (Northcutt et al. 2021,
    arXiv:1911.00068, section 3.1). The widest margin p(predicted) - p(label) comes first, ties in the rows' order.

    A class's threshold is the mean probability that the model gives the class for its own pictures. A label is doubtful
    if the prediction reaches the threshold of its class and the label's probability is below its own threshold.

    The paper's confident joint counts a picture for the most probable of all classes whose threshold it reaches. Two
    things differ here: only the predicted class is tried, since the table holds five classes, so some doubtful labels
    are missed; and a label that reaches its own threshold is never doubted, so fewer, more certain ones are found.

    The model must not have been trained on these pictures, or it has learned the wrong labels too.
    """
    c = columns
    counted = (c.predicted >= 0) & (c.label >= 0)
    label, predicted = np.where(counted, c.label, 0), np.where(counted, c.predicted, 0)
    n = np.bincount(label[counted], minlength=classes)
    total = np.bincount(label[counted], c.p_label[counted], classes)
    thresholds = np.divide(total, n, out=np.full(classes, np.nan), where=n > 0)
    sure = c.probability >= thresholds[predicted]  # False where a threshold is NaN
    index = np.flatnonzero(counted & (predicted != label) & sure & (c.p_label < thresholds[label]))
    margin = c.probability[index] - c.p_label[index]
    return index[np.argsort(-margin, kind="stable")]
