"""Near-duplicates among the embeddings of many pictures, and a map of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vit_core.evaluation.filters import Filter
from vit_core.evaluation.results import Rows


def load_embeddings(rows: Rows, filter: Filter | None = None) -> tuple[np.ndarray, np.ndarray]:
    """(numbers (n,) int64, embeddings (n, width) float32) of a filter's rows that have one. All are in memory: 154 MB
    for 50,000 x 768."""
    blocks = list(rows.embeddings(filter))
    if not blocks:
        return np.empty(0, np.int64), np.empty((0, 0), np.float32)
    return np.concatenate([n for n, _ in blocks]), np.concatenate([e for _, e in blocks])


@dataclass(frozen=True)
class Duplicates:
    """Pairs (first[i] < second[i]), (m,) each: copies by number, then the others by similarity; ties by number."""

    first: np.ndarray  # row of the embeddings
    second: np.ndarray
    cosine: np.ndarray  # float64; NaN for a copy without embedding
    same: np.ndarray  # bool: the files are equal byte for byte
    complete: bool  # False: there are more near-duplicates than `limit`


def near_duplicates(
    embeddings: np.ndarray,
    threshold: float = 0.95,
    hashes: Sequence[str | None] | None = None,
    limit: int = 10_000,
    block: int = 2048,
) -> Duplicates:
    """Pairs of pictures whose embeddings (n, width) have at least this cosine; exact, over all pairs.

    A copy (same hash) is paired with the first picture of that hash only, and only the first is compared with others.
    Rows that are zero or not finite are in no pair but a copy's. Time grows with n^2 (50,000 x 128: seconds); memory
    is one copy of the embeddings and `block`^2 cosines.
    """
    n = len(embeddings)
    original = np.arange(n)
    first_of: dict[str, int] = {}
    for i, digest in enumerate(hashes if hashes is not None else ()):
        if digest is not None:
            original[i] = first_of.setdefault(digest, i)
    copies = np.flatnonzero(original != np.arange(n))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        length = np.sqrt(np.einsum("ij,ij->i", embeddings, embeddings, dtype=np.float64))
        index = np.flatnonzero((original == np.arange(n)) & np.isfinite(length) & (length > 0))
        unit = (embeddings[index] / length[index, None]).astype(np.float32)

    # float32 products find the candidates, with a tolerance for rounding; float64 decides about these few.
    tolerance, lost = 1e-4, -np.inf
    first, second, found = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32)
    for i in range(0, len(unit), block):
        for j in range(i, len(unit), block):
            cosine = unit[i : i + block] @ unit[j : j + block].T
            least = max(threshold - tolerance, lost)
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
    complete = len(ranked) <= limit and lost < threshold - tolerance
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
    """The cosine of each pair, float64; NaN if one of the pair is zero or not finite."""
    out = np.empty(len(first))
    with np.errstate(invalid="ignore", divide="ignore"):
        for i in range(0, len(first), 4096):
            a, b = first[i : i + 4096], second[i : i + 4096]
            dot = np.einsum("ij,ij->i", embeddings[a], embeddings[b], dtype=np.float64)
            out[i : i + 4096] = dot / (length[a] * length[b])
    out[~np.isfinite(out)] = np.nan
    return out


def principal_axes(sample: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (width,) and the first two principal components (2, width) of a sample of embeddings.

    By SVD of the centred sample; rows that are not finite are left out. A component's largest entry is positive, as
    scikit-learn's PCA has it (an SVD leaves the sign open). numpy does this in a few lines, and scikit-learn takes a
    second to import. A component without variance is zero.
    """
    sample = sample[np.isfinite(sample).all(1)].astype(np.float64)
    axes = np.zeros((2, sample.shape[1]))
    if not len(sample):
        return np.zeros(sample.shape[1]), axes
    mean = sample.mean(0)
    _, size, found = np.linalg.svd(sample - mean, full_matrices=False)
    found = found[:2][size[:2] > 1e-9 * max(size.max(initial=0), 1e-300)]
    largest = found[np.arange(len(found)), np.abs(found).argmax(1)]
    axes[: len(found)] = found * np.sign(largest)[:, None]
    return mean, axes


def project(embeddings: np.ndarray, mean: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Embeddings (n, width) on the axes, (n, 2) float32; NaN where one is not finite."""
    finite = np.isfinite(embeddings).all(1)
    out = np.full((len(embeddings), 2), np.nan, np.float32)
    out[finite] = (embeddings[finite].astype(np.float64) - mean) @ axes.T
    return out


def embedding_map(rows: Rows, filter: Filter | None = None, sample: int = 2048) -> tuple[np.ndarray, np.ndarray]:
    """(numbers (n,) int64, map (n, 2) float32) of a filter's rows that have an embedding.

    The axes come from at most `sample` rows, evenly spaced, so equal rows give equal maps. The embeddings are read
    twice and never all in memory. Pictures that are apart in the map are apart; pictures that are close may still
    differ in the directions left out.
    """
    step, before, numbers, picked = max(1, -(-rows.count(filter) // sample)), 0, [], []
    for number, block in rows.embeddings(filter):
        numbers.append(number)
        picked.append(block[-before % step :: step].copy())
        before += len(block)
    if not before:
        return np.empty(0, np.int64), np.empty((0, 2), np.float32)
    mean, axes = principal_axes(np.concatenate(picked))
    places = [project(block, mean, axes) for _, block in rows.embeddings(filter)]
    return np.concatenate(numbers), np.concatenate(places)
