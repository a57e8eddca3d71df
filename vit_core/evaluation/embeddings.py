"""What the embeddings of many pictures tell: which are nearly the same, and a map of them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vit_core.evaluation.filters import Filter
from vit_core.evaluation.results import Rows


def collected(rows: Rows, filter: Filter | None = None) -> tuple[np.ndarray, np.ndarray]:
    """(numbers (n,) int64, embeddings (n, width) float32) of a filter's rows that have one, all at once: 4 bytes a
    value, so 50,000 x 768 are 154 MB."""
    blocks = list(rows.embeddings(filter))
    if not blocks:
        return np.empty(0, np.int64), np.empty((0, 0), np.float32)
    return np.concatenate([n for n, _ in blocks]), np.concatenate([e for _, e in blocks])


@dataclass(frozen=True)
class Duplicates:
    """Pairs (first[i] < second[i]), (m,) each: copies first, by number; then the most similar, equals by number."""

    first: np.ndarray  # row of the array given
    second: np.ndarray
    cosine: np.ndarray  # float64; NaN for a copy without embedding
    same: np.ndarray  # bool: the files are equal byte for byte
    complete: bool  # False: there are more near-duplicates than `limit`; these are the most similar


def near_duplicates(
    embeddings: np.ndarray,
    threshold: float = 0.95,
    hashes: Sequence[str | None] | None = None,
    limit: int = 10_000,
    block: int = 2048,
) -> Duplicates:
    """Pairs of pictures whose embeddings (n, width) have at least this cosine; exact, over all pairs.

    A copy (same hash) is paired with the first of its kind alone, and only that one is compared with the others.
    Rows that are zero or not finite are like nothing. All pairs cost n^2/2 products: 50,000 x 128 take seconds, twice
    the pictures four times that; memory is one copy of the embeddings and a block's cosines (block^2).
    """
    n = len(embeddings)
    original = np.arange(n)
    seen: dict[str, int] = {}
    for i, digest in enumerate(hashes if hashes is not None else ()):
        if digest is not None:
            original[i] = seen.setdefault(digest, i)
    copies = np.flatnonzero(original != np.arange(n))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        length = np.sqrt(np.einsum("ij,ij->i", embeddings, embeddings, dtype=np.float64))
        index = np.flatnonzero((original == np.arange(n)) & np.isfinite(length) & (length > 0))
        unit = (embeddings[index] / length[index, None]).astype(np.float32)

    # Products of float32 find the candidates, with room for their rounding; the few that are kept are worked out anew.
    room, lost = 1e-4, -np.inf
    first, second, found = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32)
    for i in range(0, len(unit), block):
        for j in range(i, len(unit), block):
            cosine = unit[i : i + block] @ unit[j : j + block].T
            least = max(threshold - room, lost)
            if cosine.max() < least:
                continue
            a, b = np.nonzero(cosine >= least)
            if i == j:
                a, b = a[a < b], b[a < b]
            first, second = np.append(first, a + i), np.append(second, b + j)
            found = np.append(found, cosine[a, b])
            if len(found) > 2 * limit:
                order = np.argsort(-found, kind="stable")
                keep, lost = order[:limit], max(lost, float(found[order[limit]]))
                first, second, found = first[keep], second[keep], found[keep]
    first, second = index[first], index[second]
    cosine = _cosine(embeddings, first, second, length)
    near = cosine >= threshold
    first, second, cosine = first[near], second[near], cosine[near]
    ranked = np.lexsort((second, first, -cosine))
    complete = len(ranked) <= limit and lost < threshold - room
    ranked = ranked[:limit]
    same = np.arange(len(copies) + len(ranked)) < len(copies)
    return Duplicates(
        np.append(original[copies], first[ranked]),
        np.append(copies, second[ranked]),
        np.append(_cosine(embeddings, original[copies], copies, length), cosine[ranked]),
        same,
        complete,
    )


def _cosine(embeddings: np.ndarray, first: np.ndarray, second: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Of these pairs, in float64, some thousand at a time; NaN where one of a pair has no direction."""
    out = np.empty(len(first))
    with np.errstate(invalid="ignore", divide="ignore"):
        for i in range(0, len(first), 4096):
            a, b = first[i : i + 4096], second[i : i + 4096]
            dot = np.einsum("ij,ij->i", embeddings[a], embeddings[b], dtype=np.float64)
            out[i : i + 4096] = dot / (length[a] * length[b])
    out[~np.isfinite(out)] = np.nan
    return out


def basis(sample: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(mean (width,), axes (2, width)) of the first two principal components, by SVD of the centred sample.

    An axis is turned so that its largest entry is positive (an SVD leaves the sign open). Where the sample varies in
    fewer than two directions, what is missing is zero, and every picture stands at 0 there.
    """
    sample = sample[np.isfinite(sample).all(1)].astype(np.float64)
    axes = np.zeros((2, sample.shape[1]))
    if not len(sample):
        return np.zeros(sample.shape[1]), axes
    mean = sample.mean(0)
    _, size, found = np.linalg.svd(sample - mean, full_matrices=False)
    real = found[:2][size[:2] > 1e-9 * max(size.max(initial=0), 1e-300)]
    largest = real[np.arange(len(real)), np.abs(real).argmax(1)]
    axes[: len(real)] = real * np.sign(largest)[:, None]
    return mean, axes


def map2d(embeddings: np.ndarray, sample: int = 2048, chunk: int = 8192) -> np.ndarray:
    """Embeddings (n, width) on the two directions in which they differ most, (n, 2) float32; NaN where one is not
    finite. The directions come from at most `sample` rows, evenly spaced, so the same rows give the same map.

    What stands apart here is apart; what stands together may still differ in the directions that are left out.
    """
    out = np.empty((len(embeddings), 2), np.float32)
    if len(embeddings):
        mean, axes = basis(embeddings[:: -(-len(embeddings) // sample)])
        for i in range(0, len(embeddings), chunk):
            out[i : i + chunk] = _placed(embeddings[i : i + chunk], mean, axes)
    return out


def map_of(rows: Rows, filter: Filter | None = None, sample: int = 2048) -> tuple[np.ndarray, np.ndarray]:
    """(numbers (n,) int64, map (n, 2) float32) of a filter's rows that have an embedding, read twice, never held."""
    step, before, numbers, picked = max(1, -(-rows.count(filter) // sample)), 0, [], []
    for number, block in rows.embeddings(filter):
        numbers.append(number)
        picked.append(block[-before % step :: step].copy())
        before += len(block)
    if not before:
        return np.empty(0, np.int64), np.empty((0, 2), np.float32)
    mean, axes = basis(np.concatenate(picked))
    places = [_placed(block, mean, axes) for _, block in rows.embeddings(filter)]
    return np.concatenate(numbers), np.concatenate(places)


def _placed(block: np.ndarray, mean: np.ndarray, axes: np.ndarray) -> np.ndarray:
    there = np.isfinite(block).all(1)
    out = np.full((len(block), 2), np.nan, np.float32)
    out[there] = (block[there].astype(np.float64) - mean) @ axes.T
    return out
