"""Evaluations for the page of mistakes: their numbers and their lists of pictures. No widgets."""

from __future__ import annotations

import functools
import io
import os
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from app.mistakes.maps import found
from app.mistakes.maps.found import FoundMaps, MapChoice
from app.mistakes.requests import read_request
from vit_core import InputError
from vit_core.data import ImageDataset, open_dataset
from vit_core.data.named import class_title
from vit_core.evaluation import embeddings, metrics, multi_label
from vit_core.evaluation import folder as runs
from vit_core.evaluation.filters import Filter
from vit_core.evaluation.results import Rows, index_of
from vit_core.images import thumbnail

PAGE_SIZE = 24  # thumbnails on one page of the gallery
MAX_MAP_POINTS = 5_000  # as many as a browser redraws without a wait
MAX_DUPLICATE_PAIRS = 2_000
THUMBNAIL_SIDE = 128  # longer side, pixels
THUMBNAIL_CACHE_COUNT = 600  # for each evaluation, some kilobytes each
#: The lists of the gallery: the condition and the order that each adds to the filter.
LISTS = {
    "confident": Filter(outcome="wrong", order="confident"),
    "margin": Filter(order="margin"),
    "labels": Filter(),
    "duplicates": Filter(),
    "maps": Filter(),
    "all": Filter(order="path"),
    **dict.fromkeys(("fixed", "broken", "both_wrong", "both_right"), Filter()),
}
COMPARED_LISTS = ("fixed", "broken", "both_wrong", "both_right")  # of two evaluations of the same pictures
#: Ordered by a computation, not by a column of the table.
COMPUTED_LISTS = ("labels", "duplicates", "maps", *COMPARED_LISTS)


@dataclass(frozen=True)
class GalleryView:
    """What the gallery shows of an evaluation: a list, a filter, a page."""

    list: str = "confident"
    filter: Filter = Filter()
    page: int = 0
    maps: MapChoice = MapChoice()  # of the list "maps"
    compared: dict[str, np.ndarray] | None = field(default=None, compare=False)  # the rows of COMPARED_LISTS

    def full_filter(self) -> Filter:
        """The filter with the condition and order of the list."""
        listed = LISTS[self.list]
        return replace(self.filter, outcome=listed.outcome or self.filter.outcome, order=listed.order)


class Evaluation:
    """A finished evaluation. Read-only and shared by all sessions; each number is computed once, at its first use."""

    def __init__(self, out: Path):
        self.out, self.info, self.request = out, runs.read_run(out), read_request(out)
        self.rows = Rows(out / "rows.parquet")
        self.model: str = self.info["model"]
        self.classes: list[str] = [class_title(name) for name in self.info["source"]["classes"]]
        self.title: str = self.info["source"]["title"]
        target = self.info["match"]["target"]
        self.labels: list[str] | None = self.info["labels"]
        self.problem_type: str = self.info.get("problem_type", "single_label")
        highest = max([*target, self.columns.predicted.max(initial=-1), self.columns.top.max(initial=-1)])
        #: How many classes the model has.
        self.num_classes = max(len(self.labels or []), int(highest) + 1, 2 * (self.problem_type == "binary"))
        if self.problem_type == "multi_label":
            self.num_classes = len(self.multi_label.positives)
        self._thumbnails: OrderedDict[str, bytes | None] = OrderedDict()
        self._lock = threading.Lock()
        self._maps: tuple[tuple[int, ...], FoundMaps | None] = ((), None)

    @functools.cached_property
    def provenance(self) -> dict[str, str]:
        """Model, data set, short digest of the weights and time of the evaluation: in every file that is taken away."""
        when = runs.finished_at(self.out, self.info)
        return {
            "model": self.model,
            "data_set": self.title,
            "weights": runs.short_digest(self.info) or "",
            "evaluated": when.isoformat(timespec="seconds") if when else "",
        }

    def file_name(self, what: str, ending: str) -> str:
        """The name of a file that is taken away: it says of which evaluation it is."""
        of = self.provenance
        parts = ["vitrine", what, os.path.basename(of["model"]), of["data_set"], of["weights"], of["evaluated"][:10]]
        words = [re.sub(r"[^\w.]+", "-", part).strip("-.")[:40] for part in parts]
        return f"{'-'.join(filter(None, words))}.{ending}"

    @functools.cached_property
    def source(self) -> ImageDataset:
        """The pictures. Raises InputError if they are gone."""
        source = open_dataset(self.request.source, self.request.labels)
        return source.with_all_labels() if self.problem_type == "multi_label" else source

    @functools.cached_property
    def columns(self) -> metrics.Columns:
        """The table's columns in the order of its rows, so that a row's number is its index."""
        return metrics.load_columns(self.rows)

    def class_name(self, number: int | None) -> str | None:
        """The name of a model class; None if it has none."""
        if number is None or number < 0 or not self.labels or number >= len(self.labels):
            return None
        return self.labels[number]

    # Numbers

    @functools.cached_property
    def accuracy(self) -> metrics.Accuracy:
        return metrics.accuracy(self.columns.label, self.columns.predicted, self.columns.top)

    @property
    def unlabelled(self) -> bool:
        """Whether the model knows none of the classes, so that nothing is right or wrong."""
        return not self.accuracy.counted and self.accuracy.unknown > 0

    @property
    def maps(self) -> FoundMaps | None:
        """The maps of the errors, also those of an unfinished run; None if there are none. Read again when changed."""
        version = found.version(self.out)
        if version != self._maps[0]:
            self._maps = version, found.read(self.out, self.rows)
        return self._maps[1]

    @property
    def lists(self) -> list[str]:
        """The lists that the gallery offers. Confident learning compares shares of one: not for a multi-label model."""
        if self.unlabelled:
            return ["all", "margin", "duplicates"]
        without = {*COMPARED_LISTS, *["labels"] * (self.problem_type == "multi_label"), *["maps"] * (not self.maps)}
        return [name for name in LISTS if name not in without]

    @functools.cached_property
    def predictions(self) -> np.ndarray:
        """(classes of the pictures, classes of the model): how many pictures of a class were predicted as another."""
        labels = self.rows.columns(["source_label"])["source_label"].to_numpy()
        read = (self.columns.predicted >= 0) & (labels >= 0)
        found = np.zeros((len(self.classes), self.num_classes), np.int64)
        np.add.at(found, (labels[read], self.columns.predicted[read]), 1)
        return found

    @functools.cached_property
    def counts(self) -> np.ndarray:
        """(classes + 1, classes): rows are labels, the last one for unknown classes; columns are predictions."""
        return metrics.confusion(self.columns.label, self.columns.predicted, self.num_classes)

    @functools.cached_property
    def used_classes(self) -> np.ndarray:
        """The classes that have a picture or were predicted, in the model's order."""
        used = (self.counts[:-1].sum(1) > 0) | (self.counts.sum(0) > 0)
        if self.problem_type == "multi_label":
            used |= self.multi_label.positives > 0
        return np.flatnonzero(used)

    @functools.cached_property
    def confusion_order(self) -> np.ndarray:
        """The same classes, those that are confused with each other side by side."""
        used = set(self.used_classes.tolist())
        return self.pictured_first([c for c in metrics.seriate(self.counts) if c in used])

    def pictured_first(self, classes: Sequence[int]) -> np.ndarray:
        """These classes in their order, but those without a picture, which were only predicted, at the end."""
        return np.array(sorted(classes, key=lambda c: not self.counts[c].any()), np.int64)

    @functools.cached_property
    def per_class(self) -> metrics.PerClass:
        return metrics.per_class(self.counts)

    @functools.cached_property
    def multi_label(self) -> multi_label.MultiLabel:
        """Average precision and thresholds; only of a multi-label model."""
        return multi_label.multi_label(self.rows)

    @functools.cached_property
    def calibration(self) -> metrics.Calibration:
        c = self.columns
        return metrics.calibration(c.probability, c.label, c.predicted)

    @functools.cached_property
    def embedding_map(self) -> tuple[np.ndarray, np.ndarray, int]:
        """(row numbers (m,), coordinates (m, 2), n): of the n pictures with an embedding, at most MAX_MAP_POINTS."""
        numbers, points = embeddings.embedding_map(self.rows)
        finite = np.isfinite(points).all(1)
        numbers, points = numbers[finite], points[finite]
        step = max(1, -(-len(numbers) // MAX_MAP_POINTS))
        return numbers[::step], points[::step], len(numbers)

    @functools.cached_property
    def label_issues(self) -> np.ndarray:
        return metrics.label_issues(self.columns, self.num_classes)

    @functools.cached_property
    def duplicates(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """(first, second, cosine, same file) of the most similar pairs; first and second are row numbers."""
        numbers, vectors = embeddings.load_embeddings(self.rows)
        hashes = self.rows.columns(["hash"])["hash"].to_pylist()
        found = embeddings.near_duplicates(vectors, hashes=[hashes[n] for n in numbers], limit=MAX_DUPLICATE_PAIRS)
        return numbers[found.first], numbers[found.second], found.cosine, found.same

    # Lists

    def count(self, view: GalleryView) -> int:
        """How many pictures the list has with its filter."""
        if view.list in COMPUTED_LISTS:
            return len(self._row_numbers(view))
        return self.rows.count(view.full_filter())

    def page_rows(self, view: GalleryView) -> list[dict]:
        """The rows of the view's page."""
        return self._rows(view, view.page * PAGE_SIZE, PAGE_SIZE)

    def first_rows(self, view: GalleryView, count: int) -> list[dict]:
        """The first `count` rows of the list."""
        return self._rows(view, 0, count)

    def _rows(self, view: GalleryView, offset: int, count: int) -> list[dict]:
        if view.list in COMPUTED_LISTS:
            return self.rows.at(self._row_numbers(view)[offset : offset + count].tolist())
        return self.rows.page(view.full_filter(), offset, count)

    def position(self, view: GalleryView, path: str) -> tuple[int | None, str | None, str | None]:
        """(index in the list, path of the previous picture, path of the next); None where there is none."""
        if view.list in COMPUTED_LISTS:
            row, numbers = self.rows.row(path), self._row_numbers(view).tolist()
            if not row or row["number"] not in numbers:
                return None, None, None
            # A picture with several duplicates is listed with each of them, but visited only once.
            distinct = list(dict.fromkeys(numbers))
            index, visit = numbers.index(row["number"]), distinct.index(row["number"])
            nearby = self.rows.at(distinct[max(0, visit - 1) : visit + 2])
        else:
            index = visit = self.rows.position(view.full_filter(), path)
            if index is None:
                return None, None, None
            nearby = self.rows.page(view.full_filter(), max(0, index - 1), 3)
        here = min(visit, 1)
        before = nearby[here - 1]["path"] if here else None
        return index, before, nearby[here + 1]["path"] if len(nearby) > here + 1 else None

    def _row_numbers(self, view: GalleryView) -> np.ndarray:
        """The rows of a computed list that pass the filter."""
        passing = self.rows.columns([], view.full_filter())["number"].to_numpy()
        if view.list != "duplicates":
            if view.list == "labels":
                numbers = self.columns.number[self.label_issues]
            elif view.list == "maps":
                numbers = self.maps.listed(view.maps) if self.maps else np.empty(0, np.int64)
            else:
                numbers = (view.compared or {}).get(view.list, np.empty(0, np.int64))
            return numbers[np.isin(numbers, passing)]
        first, second, *_ = self.duplicates
        either = np.isin(first, passing) | np.isin(second, passing)
        return np.stack([first[either], second[either]], 1).ravel()

    def export(self, view: GalleryView, kind: str) -> bytes:
        """The list as a "csv" or "parquet" file, in its order. It is written in memory, since a disk may be full."""
        out = io.BytesIO()
        predicted = [self.class_name(n) or f"class {n}" for n in range(self.num_classes)]
        selection = self._row_numbers(view) if view.list in COMPUTED_LISTS else view.full_filter()
        names = {"source_label": self.classes, "predicted": predicted}
        self.rows.write(selection, out, kind, names, self.provenance)
        return out.getvalue()

    # Pictures

    def thumbnail(self, row: dict) -> bytes | None:
        """A thumbnail as WebP; None if the picture cannot be read."""
        with self._lock:
            if row["path"] in self._thumbnails:
                self._thumbnails.move_to_end(row["path"])
                return self._thumbnails[row["path"]]
        data = None
        if row["error"] is None:
            try:
                data = thumbnail(self.source.read(index_of(self.source, row)), THUMBNAIL_SIDE)
            except InputError:
                data = None
        with self._lock:
            self._thumbnails[row["path"]] = data
            while len(self._thumbnails) > THUMBNAIL_CACHE_COUNT:
                self._thumbnails.popitem(last=False)
        return data

    def data(self, path: str) -> bytes:
        """The bytes of one picture. Raises InputError as the source does."""
        return self.source.data(index_of(self.source, self.rows.row(path) or {"path": path}))


def modified_at(out: Path) -> float:
    """When the evaluation's table was written; a cache key."""
    try:
        return (out / "rows.parquet").stat().st_mtime
    except OSError:
        return time.time()
