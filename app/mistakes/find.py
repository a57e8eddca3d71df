"""What the mistakes page asks of an evaluation: where it lies, its numbers, its lists of pictures. No widgets."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import os
import re
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from app.mistakes.why import index_of
from vit_core import InputError, VisionTransformer
from vit_core.data import ImageDataset, open_dataset, read_class_table
from vit_core.evaluation import embeddings, metrics
from vit_core.evaluation import folder as runs
from vit_core.evaluation import run as evaluate
from vit_core.evaluation.filters import Filter
from vit_core.evaluation.results import Rows
from vit_core.images import thumbnail

PAGE = 24  # pictures side by side
POINTS = 5_000  # of the map: as many as a browser redraws at once
PAIRS = 2_000  # near-duplicates listed
THUMB = 128  # longer side, pixels
KEPT = 600  # thumbnails of a run that stay in memory, some kilobytes each
#: The lists of the gallery: an order, and what every picture in it has in common.
LISTS = {
    "confident": Filter(outcome="wrong", order="confident"),
    "margin": Filter(order="margin"),
    "labels": Filter(),
    "duplicates": Filter(),
    "all": Filter(order="path"),
}
OWN = ("labels", "duplicates")  # their order is no order of the table


@dataclass(frozen=True)
class Asked:
    """What is evaluated: names as a person gave them. A run's folder is found by them."""

    model: str
    source: str
    labels: str | None = None  # a table of paths and labels beside a folder
    table: str | None = None  # a table of classes: the source's, the model's

    @property
    def id(self) -> str:
        """The run's name, the same for the same question."""
        parts = [
            self.model,
            *(
                p and (p if p.startswith("bundled:") else os.path.realpath(p))
                for p in (self.source, self.labels, self.table)
            ),
        ]
        return hashlib.blake2b(json.dumps(parts).encode(), digest_size=8).hexdigest()


BUNDLED = Asked("embedded:fashion", "bundled:fashion")


def home() -> Path:
    """Where runs lie, one folder each: VITRINE_RUNS, or in the user's cache. Never among the user's pictures."""
    if named := os.environ.get("VITRINE_RUNS"):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vitrine" / "runs"


def folder(name: str) -> Path:
    """A run's folder. `name` may come from an address: whatever is no run's name is the bundled run's."""
    return home() / (name if re.fullmatch(r"[0-9a-f]{16}", name or "") else BUNDLED.id)


def asked(out: Path) -> Asked | None:
    """What the run in this folder is of; None where there is none."""
    try:
        return Asked(**json.loads((out / "asked.json").read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return BUNDLED if out.name == BUNDLED.id else None


def known() -> list[Path]:
    """The folders of all runs there are, the latest first, the bundled one among them."""
    found = [p.parent for p in home().glob("*/asked.json") if re.fullmatch(r"[0-9a-f]{16}", p.parent.name)]
    found.sort(key=lambda out: -(out / "asked.json").stat().st_mtime)
    bundled = folder(BUNDLED.id)
    return found if bundled in found else [*found, bundled]


def start(what: Asked, restart: bool = False) -> Path:
    """Begin or go on, in a process of its own; the run's folder. Raises InputError as `runs.start` does."""
    out = folder(what.id)
    with runs.disk(out):
        out.mkdir(parents=True, exist_ok=True)
        part = out / "asked.json.part"
        part.write_text(json.dumps(what.__dict__, ensure_ascii=False), "utf-8")
        os.replace(part, out / "asked.json")
    process = runs.start(what.model, what.source, out, labels=what.labels, table=what.table, restart=restart)
    threading.Thread(target=process.wait, daemon=True).start()  # or it would stay behind as a zombie
    return out


@dataclass(frozen=True)
class Checked:
    """What would be evaluated, before anything runs."""

    asked: Asked
    title: str
    pictures: int
    classes: int
    unknown: list[str]  # classes that the model does not know
    ambiguous: list[str]  # those of them that fit several of the model's
    unused: list[str]  # classes of the model without a picture
    by: str  # "name" | "synset" | "table" | "index"
    left_out: dict[str, int]  # by reason
    outdated: bool  # whether there is an evaluation already, of other weights or pictures


def check(what: Asked, model: VisionTransformer) -> Checked:
    """Look through the pictures' names, and see which class is which. Raises InputError."""
    source = open_dataset(what.source, what.labels)
    table = read_class_table(what.table) if what.table else None
    match = evaluate.mapped(model, source, table)
    return Checked(
        what,
        source.title,
        len(source),
        len(source.classes),
        list(match.unknown),
        list(match.ambiguous),
        list(match.unused),
        match.by,
        dict(source.left_out),
        bool(evaluate.differs(model, source, folder(what.id), table)),
    )


@dataclass(frozen=True)
class Look:
    """What one sees of a run: a list, a filter, a page of it."""

    list: str = "confident"
    filter: Filter = Filter()
    page: int = 0

    def composed(self) -> Filter:
        """The filter together with what the list's pictures have in common."""
        own = LISTS[self.list]
        return replace(self.filter, outcome=own.outcome or self.filter.outcome, order=own.order)


class Run:
    """A finished evaluation. Read-only, shared by all sessions; each number is computed once, when it is asked for."""

    def __init__(self, out: Path):
        self.out, self.info, self.asked = out, runs.described(out), asked(out)
        self.rows = Rows(out / "rows.parquet")
        self.model: str = self.info["model"]
        self.classes: list[str] = self.info["source"]["classes"]
        self.title: str = self.info["source"]["title"]
        target = self.info["match"]["target"]
        self.labels: list[str] | None = self.info["labels"]
        highest = max([*target, self.columns.predicted.max(initial=-1), self.columns.top.max(initial=-1)])
        self.count = max(len(self.labels or []), int(highest) + 1)  # the model's classes
        self._thumbs: OrderedDict[str, bytes | None] = OrderedDict()
        self._lock = threading.Lock()

    @functools.cached_property
    def source(self) -> ImageDataset:
        """The pictures. Raises InputError where they are gone."""
        return open_dataset(self.asked.source, self.asked.labels)

    @functools.cached_property
    def columns(self) -> metrics.Columns:
        return metrics.of(self.rows)

    def name(self, number: int | None) -> str | None:
        """A model class' name; None for what has none."""
        if number is None or number < 0 or not self.labels or number >= len(self.labels):
            return None
        return self.labels[number]

    # Numbers

    @functools.cached_property
    def accuracy(self) -> metrics.Accuracy:
        return metrics.accuracy(self.columns.label, self.columns.predicted, self.columns.top)

    @functools.cached_property
    def counts(self) -> np.ndarray:
        """(classes + 1, classes): row the target, the last one the unknown classes; column the prediction."""
        return metrics.confusion(self.columns.label, self.columns.predicted, self.count)

    @functools.cached_property
    def shown(self) -> np.ndarray:
        """The classes that have a picture or were predicted once, in the model's order."""
        there = (self.counts[:-1].sum(1) > 0) | (self.counts.sum(0) > 0)
        return np.flatnonzero(there)

    @functools.cached_property
    def order(self) -> np.ndarray:
        """The same, those that are confused together."""
        return np.array([c for c in metrics.order(self.counts) if c in set(self.shown.tolist())], np.int64)

    @functools.cached_property
    def per_class(self) -> metrics.PerClass:
        return metrics.per_class(self.counts)

    @functools.cached_property
    def calibration(self) -> metrics.Calibration:
        c = self.columns
        return metrics.calibration(c.probability, c.label, c.predicted)

    @functools.cached_property
    def map(self) -> tuple[np.ndarray, np.ndarray, int]:
        """(numbers (m,), places (m, 2), of how many): at most POINTS pictures with an embedding, evenly spaced."""
        numbers, places = embeddings.map_of(self.rows)
        there = np.isfinite(places).all(1)
        numbers, places = numbers[there], places[there]
        step = max(1, -(-len(numbers) // POINTS))
        return numbers[::step], places[::step], len(numbers)

    @functools.cached_property
    def label_errors(self) -> metrics.LabelErrors:
        return metrics.label_errors(self.columns, self.count)

    @functools.cached_property
    def duplicates(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """(first, second, cosine, the same file) of the most similar pairs, as numbers of rows."""
        numbers, vectors = embeddings.collected(self.rows)
        hashes = self.rows.columns(["hash"])["hash"].to_pylist()
        found = embeddings.near_duplicates(vectors, hashes=[hashes[n] for n in numbers], limit=PAIRS)
        return numbers[found.first], numbers[found.second], found.cosine, found.same

    # Lists

    def count_of(self, look: Look) -> int:
        if look.list in OWN:
            return len(self._numbers(look))
        return self.rows.count(look.composed())

    def page(self, look: Look) -> list[dict]:
        """The rows of one page."""
        return self._slice(look, look.page * PAGE, PAGE)

    def first(self, look: Look, count: int) -> list[dict]:
        """The rows a list begins with."""
        return self._slice(look, 0, count)

    def _slice(self, look: Look, offset: int, count: int) -> list[dict]:
        if look.list in OWN:
            return self.rows.at(self._numbers(look)[offset : offset + count].tolist())
        return self.rows.page(look.composed(), offset, count)

    def around(self, look: Look, path: str) -> tuple[int | None, str | None, str | None]:
        """(place in the list from 0, the path before, the one after); None where there is none."""
        if look.list in OWN:
            row, numbers = self.rows.row(path), self._numbers(look).tolist()
            if not row or row["number"] not in numbers:
                return None, None, None
            once = list(dict.fromkeys(numbers))  # one with several duplicates is listed with each, and turned to once
            place, turn = numbers.index(row["number"]), once.index(row["number"])
            found = self.rows.at(once[max(0, turn - 1) : turn + 2])
        else:
            place = turn = self.rows.position(look.composed(), path)
            if place is None:
                return None, None, None
            found = self.rows.page(look.composed(), max(0, place - 1), 3)
        here = min(turn, 1)
        return (
            place,
            found[here - 1]["path"] if here else None,
            found[here + 1]["path"] if len(found) > here + 1 else None,
        )

    def _numbers(self, look: Look) -> np.ndarray:
        """The rows of a list that no order of the table makes, those of the filter kept."""
        wanted = self.rows.columns([], look.composed())["number"].to_numpy()
        if look.list == "labels":
            numbers = self.columns.number[self.label_errors.index]
            return numbers[np.isin(numbers, wanted)]
        first, second, *_ = self.duplicates
        kept = np.isin(first, wanted) | np.isin(second, wanted)
        return np.stack([first[kept], second[kept]], 1).ravel()

    def export(self, look: Look, kind: str) -> bytes:
        """The selection as a "csv" or "parquet" file, in the list's order, as `Rows.write` writes them: no disk that
        may be full comes into it."""
        out = io.BytesIO()
        names = {"source_label": self.classes, "predicted": [self.name(n) or f"class {n}" for n in range(self.count)]}
        self.rows.write(look.composed() if look.list not in OWN else self._numbers(look), out, kind, names)
        return out.getvalue()

    # Pictures

    def thumbnail(self, row: dict) -> bytes | None:
        """The picture, small, as WebP; None where it cannot be read."""
        with self._lock:
            if row["path"] in self._thumbs:
                self._thumbs.move_to_end(row["path"])
                return self._thumbs[row["path"]]
        data = None
        if row["error"] is None:
            try:
                data = thumbnail(self.source.read(index_of(self.source, row)), THUMB)
            except InputError:
                data = None
        with self._lock:
            self._thumbs[row["path"]] = data
            while len(self._thumbs) > KEPT:
                self._thumbs.popitem(last=False)
        return data

    def data(self, path: str) -> bytes:
        """The bytes of one picture. Raises InputError as the source does."""
        return self.source.data(index_of(self.source, self.rows.row(path) or {"path": path}))


def stamp(out: Path) -> float:
    """Changes when the run's table does."""
    try:
        return (out / "rows.parquet").stat().st_mtime
    except OSError:
        return time.time()
