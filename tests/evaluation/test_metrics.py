"""Every number against a case worked by hand and a slow, plain computation of the same."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from tests.tables import evaluation
from vit_core.evaluation import embeddings, metrics
from vit_core.evaluation.filters import Filter
from vit_core.evaluation.results import Rows

QUICK = settings(max_examples=60, deadline=None)


def columns(label, predicted, probability=None, p_label=None, top=None, top_p=None) -> metrics.Columns:
    n = len(label)
    wide = np.full((n, 5), -1)
    wide[:, 0] = predicted
    given = [np.zeros(n) if a is None else np.array(a, float) for a in (probability, p_label)]
    return metrics.Columns(
        np.arange(n),
        np.array(label),
        np.array(predicted),
        *given,
        wide if top is None else np.array(top),
        np.zeros((n, 5)) if top_p is None else top_p,
    )


@st.composite
def outcomes(draw, classes=4):
    n = draw(st.integers(0, 40))
    pick = st.lists(st.integers(-1, classes - 1), min_size=n, max_size=n)
    return np.array(draw(pick), int), np.array(draw(pick), int)


# Shares and intervals


def test_wilson_is_scipys_interval():
    for right, total in ((0, 1), (1, 1), (3, 7), (40, 50), (0, 300)):
        interval = stats.binomtest(right, total).proportion_ci(0.9, "wilson")
        assert metrics.wilson(right, total, 0.9) == pytest.approx((interval.low, interval.high), abs=1e-12)


def test_wilson_by_hand():
    """8 of 10: (0.8 + z²/20 ± z sqrt(0.016 + z²/400)) / (1 + z²/10), z = 1.959964: 0.4902 to 0.9433."""
    low, high = metrics.wilson([8, 0, 5, 0], [10, 10, 5, 0])
    np.testing.assert_allclose(low, [0.49016, 0, 0.56552, 0], atol=1e-5)
    np.testing.assert_allclose(high, [0.94332, 0.27754, 1, 1], atol=1e-5)


@QUICK
@given(n=st.integers(1, 5_000), part=st.floats(0, 1), level=st.sampled_from([0.5, 0.95, 0.99]))
def test_the_ends_of_wilson_are_where_the_score_test_turns(n, part, level):
    """The definition: the shares q with |share - q| = z sqrt(q (1 - q) / n)."""
    right = round(part * n)
    low, high = (float(end) for end in metrics.wilson(right, n, level))
    assert 0 <= low <= right / n <= high <= 1
    z = {0.5: 0.6744897502, 0.95: 1.9599639845, 0.99: 2.5758293035}[level]
    for end in (low, high):
        assert abs(right / n - end) == pytest.approx(z * math.sqrt(end * (1 - end) / n), abs=1e-8)
    assert metrics.wilson(n - right, n, level)[1] == pytest.approx(1 - low)


def test_accuracy_by_hand():
    """Of six: two right, one wrong, its label second; one wrong and not in the five; one unknown, one unread."""
    top = [[0, 1, 2, 3, 4], [1, 0, 2, 3, 4], [2, 5, 1, 3, 4], [3, 1, 2, 0, 4], [0, 1, 2, 3, 4], [-1] * 5]
    found = metrics.accuracy(np.array([0, 1, 5, 9, -1, 2]), np.array([0, 1, 2, 3, 0, -1]), np.array(top))
    assert (found.counted, found.right, found.right5, found.unknown, found.unreadable) == (4, 2, 3, 1, 1)
    assert (found.top1, found.top5) == (0.5, 0.75)
    assert found.top1_interval == pytest.approx((0.15004, 0.84996), abs=1e-5)
    assert found.top5_interval == pytest.approx((0.30064, 0.95441), abs=1e-5)
    none = metrics.accuracy(np.array([-1, 3]), np.array([0, -1]), np.full((2, 5), -1))
    assert (none.counted, none.unknown, none.unreadable, none.top1_interval) == (0, 1, 1, (0, 1))
    assert math.isnan(none.top1)
    assert math.isnan(none.top5)


def test_an_unread_picture_is_in_no_top_five():
    found = metrics.accuracy(np.array([-1, -1]), np.array([-1, -1]), np.full((2, 5), -1))
    assert (found.right, found.right5, found.unknown, found.unreadable) == (0, 0, 0, 2)


# Confusion


@QUICK
@given(outcomes())
def test_confusion_is_a_count_of_each_pair(pair):
    label, predicted = pair
    counts = metrics.confusion(label, predicted, 4)
    plain = np.zeros((5, 4), int)
    for t, p in zip(label, predicted, strict=True):
        if p >= 0:
            plain[t, p] += 1  # -1 is the last row
    np.testing.assert_array_equal(counts, plain)
    for by, axis in (("row", 1), ("column", 0)):
        shares = metrics.normalised(counts, by)
        whole = counts.sum(axis) > 0
        np.testing.assert_allclose(shares.sum(axis)[whole], 1)
        assert np.isnan(shares.sum(axis)[~whole]).all()
    np.testing.assert_array_equal(metrics.normalised(counts, None), counts)


def test_normalised_by_hand():
    counts = np.array([[3, 1], [0, 0], [1, 0]])
    np.testing.assert_array_equal(metrics.normalised(counts, "row"), [[0.75, 0.25], [np.nan] * 2, [1, 0]])
    np.testing.assert_array_equal(metrics.normalised(counts, "column"), [[0.75, 1], [0, 0], [0.25, 0]])
    with pytest.raises(ValueError, match="by must be"):
        metrics.normalised(counts, "rows")


@QUICK
@given(outcomes())
def test_per_class_is_what_counting_gives(pair):
    label, predicted = pair
    found = metrics.per_class(metrics.confusion(label, predicted, 4))
    counts = (label >= 0) & (predicted >= 0)
    for c in range(4):
        true, said = counts & (label == c), counts & (predicted == c)
        hits, wrong, missed = (true & said).sum(), (said & ~true).sum(), (true & ~said).sum()
        assert (found.support[c], found.predicted[c], found.right[c]) == (true.sum(), said.sum(), hits)
        for value, part, whole in (
            (found.precision[c], hits, hits + wrong),
            (found.recall[c], hits, hits + missed),
            (found.f1[c], 2 * hits, 2 * hits + wrong + missed),
        ):
            assert math.isnan(value) if whole == 0 else value == part / whole
        assert (found.recall_low[c], found.recall_high[c]) == metrics.wilson(hits, true.sum())


def test_per_class_by_hand():
    """Cats: 3 of 4 found, and one dog taken for a cat: precision 3/4, recall 3/4, F1 3/4; birds: none there."""
    found = metrics.per_class(np.array([[3, 1, 0], [1, 5, 0], [0, 0, 0], [7, 0, 0]]))
    np.testing.assert_allclose(found.precision, [0.75, 5 / 6, np.nan])
    np.testing.assert_allclose(found.recall, [0.75, 5 / 6, np.nan])
    np.testing.assert_allclose(found.f1, [0.75, 5 / 6, np.nan])
    np.testing.assert_array_equal(found.support, [4, 6, 0])
    np.testing.assert_allclose([found.recall_low[0], found.recall_high[0]], [0.30064, 0.95441], atol=1e-5)


# Order of the classes


def test_seriation_by_hand():
    """1-4 confused most, 4-2 less, 0-3 a little, 5 never: the line 1 4 2, then 0 3, then 5."""
    counts = np.diag([10] * 6)
    counts[1, 4], counts[2, 4], counts[3, 0] = 6, 4, 1
    assert metrics.seriate(counts).tolist() == [1, 4, 2, 0, 3, 5]
    assert metrics.seriate(np.vstack([counts, np.full(6, 99)])).tolist() == [1, 4, 2, 0, 3, 5]
    assert metrics.seriate(np.diag([3, 0, 2])).tolist() == [0, 1, 2]
    # Pairs 0 1 and 2 3, a little of 0 in 3: the pairs turn until 0 and 3 touch. Without it, the worse pair is first.
    pairs = np.diag([10] * 4)
    pairs[0, 1], pairs[2, 3] = 5, 6
    assert metrics.seriate(pairs).tolist() == [2, 3, 0, 1]
    pairs[0, 3] = 1
    assert metrics.seriate(pairs).tolist() == [1, 0, 3, 2]
    assert metrics.seriate(np.empty((1, 0), int)).tolist() == []


def clusters(counts) -> list[set[int]]:
    """All clusters of average linkage, the nearest two of all merged each time: the plain way, n^3."""
    n = len(counts)
    near = np.zeros((n, n))
    for i, j in itertools.permutations(range(n), 2):
        near[i, j] = (counts[i, j] + counts[j, i]) / (counts[i].sum() + counts[j].sum())
    parts, found = [{i} for i in range(n)], []

    def mean(pair):
        return np.mean([near[i, j] for i in pair[0] for j in pair[1]])

    while len(parts) > 1:
        a, b = max(itertools.combinations(parts, 2), key=mean)
        if mean((a, b)) <= 0:
            break
        parts = [p for p in parts if p not in (a, b)] + [a | b]
        found.append(a | b)
    return found


@QUICK
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 13), share=st.floats(0, 1))
def test_every_cluster_stands_together(seed, n, share):
    draw = np.random.default_rng(seed)  # real numbers: no two are equally near
    counts = draw.random((n, n)) * (draw.random((n, n)) < share) + np.diag(draw.random(n) * 5 + 0.1)
    order = metrics.seriate(counts)
    assert sorted(order) == list(range(n))
    places = np.argsort(order)
    for cluster in clusters(counts):
        at = sorted(places[list(cluster)])
        assert at[-1] - at[0] == len(cluster) - 1, (order, cluster)
    errors = counts - np.diag(counts.diagonal())
    confused = (errors + errors.T).sum(1) > 0
    assert order[confused.sum() :].tolist() == np.flatnonzero(~confused).tolist()


@QUICK
@given(
    hnp.arrays(
        np.int64,
        st.tuples(st.shared(st.integers(1, 9), key="n"), st.shared(st.integers(1, 9), key="n")),
        elements=st.integers(0, 2),
    )
)
def test_many_equals_still_give_one_permutation(counts):
    order = metrics.seriate(counts)
    assert sorted(order) == list(range(len(counts)))
    np.testing.assert_array_equal(order, metrics.seriate(counts.copy()))


def test_hidden_groups_of_300_classes_are_found():
    draw = np.random.default_rng(1)
    group = draw.permutation(np.repeat(np.arange(30), 10))
    label = draw.integers(0, 300, 25_000)
    members = np.array([np.flatnonzero(group == g) for g in range(30)])
    predicted = np.where(draw.random(25_000) < 0.6, members[group[label], draw.integers(0, 10, 25_000)], label)
    predicted = np.where(draw.random(25_000) < 0.05, draw.integers(0, 300, 25_000), predicted)  # noise
    order = metrics.seriate(metrics.confusion(label, predicted, 300))
    assert (group[order[1:]] != group[order[:-1]]).sum() == 29  # each group in one piece


# Calibration


def test_calibration_by_hand():
    """Bins of a fifth: (0.4, 0.6] has 0.5 wrong and 0.6 right; (0.8, 1] has 0.9 right, 1 wrong.
    ECE = (2 |0.5 - 0.55| + 2 |0.5 - 0.95|) / 4 = 0.25."""
    sure, label, predicted = (
        np.array([0.5, 0.6, 0.9, 1, 0.7, 0.7]),
        np.array([0, 1, 1, 1, -1, 1]),
        np.array([1, 1, 1, 0, 0, -1]),
    )
    found = metrics.calibration(sure, label, predicted, 5)
    np.testing.assert_array_equal(found.count, [0, 0, 2, 0, 2])
    np.testing.assert_allclose(found.confidence, [np.nan, np.nan, 0.55, np.nan, 0.95])
    np.testing.assert_allclose(found.accuracy, [np.nan, np.nan, 0.5, np.nan, 0.5])
    assert found.ece == pytest.approx(0.25)
    assert (found.low[2], found.high[2]) == pytest.approx((0.4, 0.6))


@QUICK
@given(
    seed=st.integers(0, 2**32 - 1), n=st.integers(0, 60), bins=st.integers(1, 20), grain=st.sampled_from([3, 10, 999])
)
def test_calibration_is_what_a_loop_gives(seed, n, bins, grain):
    draw = np.random.default_rng(seed)
    sure = np.ceil(draw.random(n) * grain) / grain
    label, predicted = draw.integers(-1, 3, n), draw.integers(-1, 3, n)
    counted = [(s, t == p) for s, t, p in zip(sure, label, predicted, strict=True) if t >= 0 and p >= 0]
    width = metrics.calibration(sure, label, predicted, bins)
    ece = 0
    for i in range(bins):
        inside = [(s, r) for s, r in counted if width.low[i] < s <= width.high[i]]
        assert width.count[i] == len(inside)
        if inside:
            ece += abs(sum(s - r for s, r in inside)) / len(counted)
            assert width.accuracy[i] == pytest.approx(np.mean([r for _, r in inside]))
            assert (width.accuracy_low[i], width.accuracy_high[i]) == metrics.wilson(
                sum(r for _, r in inside), len(inside)
            )
    assert width.ece == pytest.approx(ece) if counted else math.isnan(width.ece)


def scored(seed: int, n: int, classes: int, spread: float):
    """(whole probabilities (n, classes), columns as an evaluation keeps them)."""
    draw = np.random.default_rng(seed)
    p = draw.dirichlet(np.full(classes, spread), n)
    label = draw.integers(-1, classes, n)
    ranked = np.argsort(-p, axis=1, kind="stable")[:, :5]
    top, top_p = np.full((n, 5), -1), np.zeros((n, 5))
    top[:, : ranked.shape[1]], top_p[:, : ranked.shape[1]] = ranked, np.take_along_axis(p, ranked, 1)
    p_label = np.where(label < 0, np.nan, p[np.arange(n), label])
    predicted = np.where(draw.random(n) < 0.1, -1, top[:, 0])
    return p, columns(label, predicted, top_p[:, 0], p_label, top, top_p)


# Label issues


def test_label_issues_by_hand():
    """Class 0 gives its pictures 0.9, 0.7, 0.2: threshold 0.6; class 1 gives 0.8, 0.4: threshold 0.6; class 2 has none.
    The third: predicted 1 at 0.8 >= 0.6, label 0.2 < 0.6. The fifth: predicted 0 at 0.55 < 0.6, so not."""
    c = columns(
        [0, 0, 0, 1, 1, -1, 0],
        [0, 0, 1, 1, 0, 1, -1],
        [0.9, 0.7, 0.8, 0.8, 0.55, 0.99, np.nan],
        [0.9, 0.7, 0.2, 0.8, 0.4, np.nan, np.nan],
    )
    found = metrics.label_issues(c, 3)
    assert found.tolist() == [2]
    # Thresholds 0.275 and 0.5. The first: predicted 1 at 0.55 >= 0.5, but its label's 0.45 is not under 0.275.
    found = metrics.label_issues(columns([0, 0, 1], [1, 1, 1], [0.55, 0.9, 0.5], [0.45, 0.1, 0.5]), 2)
    assert found.tolist() == [1]


def test_a_threshold_is_reached_by_what_equals_it():
    # Thresholds 0.5 and 0.75. The first: predicted 1 at 0.75 >= 0.75, label 0.25 < 0.5.
    found = metrics.label_issues(columns([0, 0, 1], [1, 0, 1], [0.75, 0.75, 0.75], [0.25, 0.75, 0.75]), 2)
    assert found.tolist() == [0]
    # Thresholds 0.25 and 0.75. The first's label reaches its own: it is alone.
    assert not len(metrics.label_issues(columns([0, 1], [1, 1], [0.75, 0.75], [0.25, 0.75]), 2))


def test_calibration_has_the_fifteen_bins_that_the_report_speaks_of():
    found = metrics.calibration(np.array([0.7]), np.array([1]), np.array([1]))
    assert (len(found.count), found.count.argmax()) == (15, 10)  # (10 / 15, 11 / 15]


@QUICK
@given(seed=st.integers(0, 2**32 - 1), classes=st.integers(2, 8), spread=st.floats(0.05, 3))
def test_label_issues_are_of_the_paper_s_joint(seed, classes, spread):
    """From whole probabilities: every row found lies off the diagonal of the confident joint (eq. 1), in its cell; and
    each that is not found, though there, is so for one of the two reasons that are told."""
    p, c = scored(seed, 60, classes, spread)
    counts = (c.label >= 0) & (c.predicted >= 0)
    found = metrics.label_issues(c, classes)
    thresholds = [
        p[counts & (c.label == k), k].mean() if (counts & (c.label == k)).any() else np.inf for k in range(classes)
    ]
    joint = {}
    for i in np.flatnonzero(counts):
        reached = [k for k in range(classes) if p[i, k] >= thresholds[k]]
        if reached and (best := max(reached, key=lambda k: p[i, k])) != c.label[i]:
            joint[i] = best
    assert found.tolist() == sorted(found, key=lambda i: (-(p[i].max() - p[i, c.label[i]]), i))
    assert all(joint[i] == c.predicted[i] for i in found)
    for i in set(joint) - set(found.tolist()):
        assert joint[i] != c.predicted[i] or p[i, c.label[i]] >= thresholds[c.label[i]]


# Embeddings


def pairs(found: embeddings.Duplicates, same: bool) -> list[tuple[int, int]]:
    return [(int(a), int(b)) for a, b, s in zip(found.first, found.second, found.same, strict=True) if s == same]


def test_near_duplicates_by_hand():
    """1 and 3 at cos 0.96; 4 is a copy of 1, so only 1 is compared; 2 is zero, 5 unread: like nothing."""
    vectors = np.array([[1, 0], [0.6, 0.8], [0, 0], [0.8, 0.6], [1.2, 1.6], [np.nan, 0], [2, 0]], np.float32)
    found = embeddings.near_duplicates(vectors, 0.95, ["a", "b", "c", "d", "b", None, "f"])
    assert pairs(found, True) == [(1, 4)]
    assert pairs(found, False) == [(0, 6), (1, 3)]
    np.testing.assert_allclose(found.cosine, [1, 1, 0.96], atol=1e-6)
    assert found.complete
    assert pairs(embeddings.near_duplicates(vectors, 0.95), False) == [(0, 6), (1, 4), (1, 3), (3, 4)]
    assert len(embeddings.near_duplicates(np.empty((0, 3), np.float32)).first) == 0
    unread = embeddings.near_duplicates(np.full((2, 2), np.nan, np.float32), 0.9, ["a", "a"])
    assert pairs(unread, True) == [(0, 1)]
    assert np.isnan(unread.cosine).all()


@QUICK
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 60),
    block=st.integers(1, 70),
    threshold=st.floats(-1, 1),
    limit=st.integers(1, 80),
)
def test_near_duplicates_are_all_pairs_above_the_threshold(seed, n, block, threshold, limit):
    draw = np.random.default_rng(seed)
    vectors = draw.standard_normal((n, 3)).astype(np.float32)
    hashes = [f"{h}" for h in draw.integers(0, 2 * n, n)]
    first = {h: hashes.index(h) for h in hashes}
    wide = vectors.astype(float)
    cosine = {
        (i, j): wide[i] @ wide[j] / np.linalg.norm(wide[i]) / np.linalg.norm(wide[j])
        for i, j in itertools.combinations(sorted(first.values()), 2)
    }
    wanted = sorted((p for p in cosine if cosine[p] >= threshold), key=lambda p: (-cosine[p], p))
    whole = embeddings.near_duplicates(vectors, threshold, hashes, block=block)
    assert whole.complete
    assert pairs(whole, True) == [(first[h], i) for i, h in enumerate(hashes) if first[h] != i]
    assert pairs(whole, False) == wanted
    np.testing.assert_allclose(whole.cosine[~whole.same], [cosine[p] for p in wanted], atol=1e-12)
    some = embeddings.near_duplicates(vectors, threshold, hashes, limit, block)
    assert pairs(some, False) == wanted[:limit]
    assert some.complete == (len(wanted) <= limit)


def test_pairs_are_found_across_blocks():
    draw = np.random.default_rng(0)
    vectors = draw.standard_normal((6_000, 64), np.float32)
    at = draw.permutation(6_000)[:200].reshape(100, 2)
    vectors[at[:, 1]] = vectors[at[:, 0]] * 3 + 0.02 * draw.standard_normal((100, 64), np.float32)
    found = embeddings.near_duplicates(vectors, 0.95)
    assert set(pairs(found, False)) == {(min(p), max(p)) for p in at.tolist()}
    assert found.complete


def test_a_folder_of_one_picture_does_not_fill_the_memory():
    found = embeddings.near_duplicates(np.ones((6_000, 4), np.float32), 0.95, limit=1_000)
    assert len(found.first) == 1_000
    assert not found.complete


def mapped(points: np.ndarray) -> np.ndarray:
    return embeddings.project(points, *embeddings.principal_axes(points))


def test_map_by_hand():
    """Points on a line with a little across: along it first, the sign so that the largest loading is positive."""
    along, across = np.array([-0.6, -0.8, 0]), np.array([0, 0, 1.0])
    t, s = np.array([-2, -1, 0, 1, 2.0]), np.array([0.1, -0.2, 0.2, -0.2, 0.1])
    points = (5 + np.outer(t, along) + np.outer(s, across)).astype(np.float32)
    np.testing.assert_allclose(mapped(points), np.stack([-t, s], 1), atol=1e-5)
    np.testing.assert_allclose(mapped(points[:, :1])[:, 1], 0)  # one direction only
    assert mapped(np.ones((3, 4), np.float32)).tolist() == [[0, 0]] * 3
    assert mapped(np.empty((0, 4), np.float32)).shape == (0, 2)
    holed = np.vstack([points, np.full((1, 3), np.nan, np.float32)])
    assert np.isnan(mapped(holed)[-1]).all()
    np.testing.assert_allclose(mapped(holed)[:-1], np.stack([-t, s], 1), atol=1e-5)


@QUICK
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(3, 50), width=st.integers(2, 9))
def test_a_map_is_the_covariance_s_eigenvectors(seed, n, width):
    draw = np.random.default_rng(seed)
    points = (draw.standard_normal((n, width)) * 2.0 ** np.arange(width)).astype(np.float32)
    found = mapped(points)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, mapped(points.copy()))
    centred = points - points.astype(float).mean(0)
    values, vectors = np.linalg.eigh(centred.T @ centred)
    for axis in (0, 1):
        vector = vectors[:, -1 - axis]
        vector = vector * np.sign(vector[np.abs(vector).argmax()])
        gap = np.diff(values[::-1])[:2].max() / values[-1]
        if abs(gap) > 1e-3:  # two equal directions have no order
            np.testing.assert_allclose(found[:, axis], centred @ vector, atol=1e-2 * np.abs(centred).max())


# From the file


@pytest.mark.parametrize("classes", [3, 10, 1_200])
def test_columns_are_those_of_the_file(tmp_path, classes, monkeypatch):
    monkeypatch.setattr("vit_core.evaluation.results.CHUNK_ROWS", 100)
    table = evaluation(tmp_path / "rows.parquet", 2_000, classes, broken=0.05, unknown=0.2).to_pylist()
    rows = Rows(tmp_path / "rows.parquet")
    c = metrics.load_columns(rows)
    for i, row in enumerate(table):
        read = row["error"] is None
        assert c.number[i] == i
        assert c.label[i] == row["label"]
        assert c.predicted[i] == (row["predicted"] if read else -1)
        for name in ("probability", "p_label"):
            value = getattr(c, name)[i]
            assert math.isnan(value) if row[name] is None else value == row[name]
        assert c.top[i].tolist() == ((row["top"] or []) + [-1] * 5)[:5]
        assert c.top_p[i].tolist() == ((row["top_p"] or []) + [0] * 5)[:5]
    found = metrics.accuracy(c.label, c.predicted, c.top)
    for outcome, count in (
        ("right", found.right),
        ("unknown", found.unknown),
        ("unreadable", found.unreadable),
        ("wrong", found.counted - found.right),
    ):
        assert rows.count(Filter(outcome=outcome)) == count > 0
    counts = metrics.confusion(c.label, c.predicted, classes)
    for t, p in [(-1, 0), (0, 0), (0, 1), (2, 2)]:  # what a click on a cell shows
        assert rows.count(Filter(label=t, predicted=p)) == counts[t, p]
    wrong = metrics.load_columns(rows, Filter(outcome="wrong"))
    assert (wrong.label != wrong.predicted).all()
    assert len(wrong.number) == found.counted - found.right
    assert len(metrics.load_columns(rows, Filter(query="no such")).number) == 0
    numbers, vectors = embeddings.load_embeddings(rows, Filter(outcome="wrong"))
    assert numbers.tolist() == wrong.number.tolist()
    numbers, places = embeddings.embedding_map(rows, Filter(outcome="wrong"))
    np.testing.assert_allclose(places, mapped(vectors), atol=1e-5)
    sampled = embeddings.embedding_map(rows, Filter(outcome="wrong"), sample=40)[1]
    axes = embeddings.principal_axes(vectors[:: -(-len(vectors) // 40)])
    np.testing.assert_allclose(sampled, embeddings.project(vectors, *axes), atol=1e-5)
    assert embeddings.embedding_map(rows, Filter(query="no such"))[1].shape == (0, 2)
    rows.close()


def test_a_bootstrap_interval_holds_what_theory_says():
    values = np.random.default_rng(1).normal(3, 2, 400)
    low, high = metrics.bootstrap_interval(values)
    error = values.std() / 400**0.5
    assert (low, high) == pytest.approx((values.mean() - 1.96 * error, values.mean() + 1.96 * error), abs=0.3 * error)
    assert metrics.bootstrap_interval(values) == (low, high)
    assert metrics.bootstrap_interval(values, seed=1) != (low, high)
    narrow = metrics.bootstrap_interval(values, level=0.5)
    assert low < narrow[0] < narrow[1] < high
    assert metrics.bootstrap_interval([0.25]) == (0.25, 0.25)
    with pytest.raises(ValueError, match="no values"):
        metrics.bootstrap_interval([])
