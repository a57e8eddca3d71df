"""Why a model said what it said of one picture, and what would change its mind: arrays and numbers, no widgets.

Everything is of one picture and two classes: what is predicted, and what the label says; where the label agrees, or
the model does not know it, what the model would have said next.
"""

from __future__ import annotations

import functools
import hashlib
import time
from collections import namedtuple
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from app.components.atlas.payload import SHARP, seen
from app.explore.result import array
from app.text import Text
from app.text.plain import plain
from vit_core.attribution import gradients as at
from vit_core.errors import InputError
from vit_core.evaluation.results import Filter
from vit_core.evaluation.store import storable
from vit_core.images import read_image
from vit_core.models.vit import VisionTransformer
from vit_core.serving.queue import roomy

METHODS = {"gradient_rollout": at.gradient_rollout, "relevance": at.relevance}
SHOWN = 8  # classes whose probabilities are shown
NEAREST = 6  # correct pictures of each class
STEPS = 64  # with as many patches or more, not every "erase the top k" is tried
THUMB = 96  # longer side, pixels
SAME = 0.05  # of a probability: what another device or bf16 may make of it
_Place = namedtuple("_Place", ("crop", "grid", "config"))  # what `seen` reads of a trace


@dataclass(frozen=True)
class Curve:
    """What erasing the patches that speak most for the predicted class does."""

    counts: tuple[int, ...]  # how many patches are erased, a step each
    probabilities: np.ndarray  # (steps, 2), of `Why.pair`
    first: int | None  # the first of `counts` at which the answer is another
    becomes: int | None  # the class that it is then


def index_of(source, row: dict) -> int:
    """Where a row's picture stands in its source. Raises InputError "image-missing" if it is there no more."""
    number = row.get("number")
    if number is not None and 0 <= number < len(source) and storable(source.names[number]) == row["path"]:
        return number
    for place, name in enumerate(source.names):  # the source has changed since it was evaluated
        if storable(name) == row["path"]:
            return place
    raise _missing(row["path"])


def _missing(path: str) -> InputError:
    return InputError("image-missing", Text("en")("error.image-missing", name=path), name=path)


def thumbnail(picture: Image.Image, side: int = THUMB) -> Image.Image:
    """The whole picture, its longer side `side` pixels; small ones are enlarged in squares, as they are."""
    scale = side / max(picture.size)
    size = tuple(max(1, round(length * scale)) for length in picture.size)
    return picture.resize(size, Image.Resampling.NEAREST if scale > 2 else Image.Resampling.BICUBIC)


def _once(method: Callable) -> Callable:
    """A method computed once for each of its arguments; kept by the object, in no cycle, and gone with it."""

    @functools.wraps(method)
    def found(self, *arguments):
        kept = vars(self).setdefault(f"_{method.__name__}", {})
        if arguments not in kept:
            kept[arguments] = method(self, *arguments)
        return kept[arguments]

    return found


class Why:
    """One picture of an evaluation, looked into. What runs the model is called on the worker thread.

    `run`: an evaluation with `rows`, `source` and `labels`. Raises InputError: "image-missing" and the other codes of
    reading a picture, "model-no-head".
    """

    def __init__(self, model: VisionTransformer, run, path: str):
        row = run.rows.row(path)
        if row is None:
            raise _missing(path)
        self.model, self.run, self.row, self.path = model, run, row, path
        #: Whether the model's device had no memory for it, so that the CPU runs this picture.
        self.fell_back = False
        data = run.source.data(index_of(run.source, row))
        #: Whether the file is another than the one that was evaluated.
        self.changed = bool(row["hash"]) and hashlib.blake2b(data, digest_size=16).hexdigest() != row["hash"]
        self.picture = read_image(data)
        self.images, self.crop = model.transform(self.picture)
        self.grid: tuple[int, int] = model.grid(self.images)
        begun = time.perf_counter()
        self.logits = self._asked(at.interventions, self.images, [at.Change()])[0].cpu()
        self.seconds = time.perf_counter() - begun  # that one forward pass took
        self.probabilities = array(self.logits.softmax(-1))  # (classes,), nothing taken away
        self.predicted = int(self.probabilities.argmax())
        said = row["predicted"] if row["predicted"] is not None else -1
        #: Whether the model is another than the one that was evaluated: of the same file it says something else.
        self.retrained = (
            not self.changed
            and said >= 0
            and not (said < len(self.probabilities) and abs(self.probabilities[said] - row["probability"]) < SAME)
        )
        target = -1 if row["label"] is None else int(row["label"])
        self.labelled = target >= 0 and target != self.predicted
        best = self._best(self.probabilities, 2)
        #: The predicted class, and the label's (`labelled`) or the runner-up.
        self.pair = self.predicted, target if self.labelled else best[-1]
        self.target = target

    def _asked(self, function: Callable, *args, **options):
        """`function(model, ...)`; where there is no memory for it, on the CPU, as everything from then on."""
        answer, model = roomy(function, self.model, *args, **options)
        self.fell_back |= model is not self.model
        self.model = model
        return answer

    @property
    def nbytes(self) -> int:
        """Bytes of the picture as it was read and as the model takes it; maps and thumbnails are small beside them."""
        return self.picture.width * self.picture.height * len(self.picture.getbands()) + self.images.nbytes

    @property
    def patches(self) -> int:
        return self.grid[0] * self.grid[1]

    @functools.cached_property
    def counts(self) -> tuple[int, ...]:
        """How many patches are erased for a curve: every number, or with many patches a few of them."""
        few = np.unique(np.geomspace(1, self.patches, STEPS // 4).round().astype(int)).tolist()
        return tuple(range(self.patches + 1)) if self.patches < STEPS else (0, *few)

    @property
    def passes(self) -> int:
        """Forward passes that the maps and a curve cost; a gradient counts as two more."""
        return len(self.counts) + 3 * len(METHODS) * len(self.pair)

    def region(self, side: int = SHARP) -> Image.Image:
        """What the patch grid covers of the original picture, its longer side `side` pixels."""
        return seen(self.picture, _Place(self.crop, self.grid, self.model.config), side)

    @functools.cached_property
    def shown(self) -> tuple[int, ...]:
        """The classes whose bars stand there from the start: the most probable, the pair always among them."""
        best = [c for c in self._best(self.probabilities, SHOWN) if c not in self.pair]
        kept = {*self.pair, *best[: SHOWN - len(set(self.pair))]}
        return tuple(sorted(kept, key=lambda c: -self.probabilities[c]))

    def label(self, number: int) -> str | None:
        """The class' name; None where the model has none."""
        return label_of(self.run, self.model, number)

    @property
    def truth_name(self) -> str:
        """What the source calls the picture's class."""
        return str(self.run.source.classes[self.row["source_label"]])

    @_once
    def maps(self, method: str) -> np.ndarray:
        """(2, rows, cols) float32: how much each patch speaks for each of `pair`, by one of METHODS; never negative."""
        both = [self._asked(METHODS[method], self.images, number) for number in self.pair]
        return np.stack([array(at.on_grid(self.model, self.images, row)) for row in both])

    @_once
    def ranking(self, method: str) -> tuple[int, ...]:
        """All patches, the one that speaks most for the predicted class first."""
        return at.most_important(torch.from_numpy(self.maps(method)[0].copy()), self.patches)

    @_once
    def curve(self, method: str = "gradient_rollout", fill: str = "mean") -> Curve:
        """Erase the patches that speak most for the predicted class, more and more."""
        found = self._asked(
            at.flips, self.images, self.ranking(method), classes=self.pair, counts=self.counts, fill=fill
        )
        becomes = None if found.first is None else int(found.predicted[found.counts.index(found.first)])
        return Curve(found.counts, array(found.probabilities), found.first, becomes)

    @functools.cached_property
    def blurred(self) -> Image.Image:
        """The model's input with every patch under the fill "blur"."""
        return self._seen_as(at.painted(self.model, self.images, range(self.patches), "blur"))

    @functools.cached_property
    def mean_colour(self) -> tuple[int, ...]:
        """(red, green, blue) of the fill "mean"."""
        return self._seen_as(at.painted(self.model, self.images, range(self.patches), "mean")).getpixel((0, 0))

    def _seen_as(self, tensor: torch.Tensor) -> Image.Image:
        """A model input as a picture again, what the patches cover of it."""
        transform = self.model.transform
        mean, std = (tensor.new_tensor(v).view(-1, 1, 1) for v in (transform.mean, transform.std))
        pixels = ((tensor[0] * std + mean) * 255).round().clamp(0, 255).byte().permute(1, 2, 0).cpu().numpy()
        height, width = (g * p for g, p in zip(self.grid, self.model.config.patch_size, strict=True))
        pixels = pixels[:height, :width]
        return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).convert("RGB")

    @functools.cached_property
    def nearest(self) -> tuple[list[tuple[dict, Image.Image]], list[tuple[dict, Image.Image]]]:
        """For each of `pair` the nearest pictures that the model gets right, by embedding: their rows, with
        "similarity", and thumbnails. What cannot be read any more is left out."""
        return tuple(self._nearest(number) for number in self.pair)

    def _nearest(self, number: int) -> list[tuple[dict, Image.Image]]:
        found = []
        for row in self.run.rows.neighbours(self.path, NEAREST, Filter(label=number, outcome="right")):
            try:
                found.append((row, thumbnail(self.run.source.read(index_of(self.run.source, row)))))
            except InputError:
                continue
        return found

    def checked(self, off) -> at.Change:
        """What came from the browser as a change, with nothing in it that this model and picture have not."""
        depth, heads = self.model.config.depth, self.model.config.heads
        off = off if isinstance(off, dict) else {}
        pairs = [tuple(pair) for pair in _list(off, "heads") if isinstance(pair, list | tuple) and len(pair) == 2]
        return at.Change(
            erased=tuple(_whole(_list(off, "erased"), self.patches)),
            fill=off.get("fill") if off.get("fill") in at.FILLS else "mean",
            heads_off=tuple(sorted({p for p in pairs if len(_whole(p[:1], depth)) == len(_whole(p[1:], heads)) == 1})),
            layers_off=tuple(_whole(_list(off, "layers"), depth)),
        )

    def answer(self, off) -> dict:
        """What the browser is told after a change: the probabilities of `shown` ("p"), what is predicted now ("now":
        class, name, probability), and where it asks for one, the curve of a "method" and fill."""
        change = self.checked(off)
        changed = bool(change.erased or change.heads_off or change.layers_off)
        after = (
            array(self._asked(at.interventions, self.images, [change])[0].cpu().softmax(-1))
            if changed
            else self.probabilities
        )
        now = int(after.argmax())
        out = {
            "p": [round(float(after[c]), 6) for c in self.shown],
            "now": [now, self.label(now), round(float(after[now]), 6)],
        }
        method = off.get("curve") if isinstance(off, dict) else None
        if isinstance(method, str) and method in METHODS:
            found = self.curve(method, change.fill)
            out["curve"] = {"method": method, "fill": change.fill} | curve_numbers(self, found)
        return out

    @staticmethod
    def _best(probabilities: np.ndarray, k: int) -> list[int]:
        return np.argsort(-probabilities, kind="stable")[:k].tolist()


def model_name(run) -> str:
    """What a run's model is called, as `vit_core.load` takes it."""
    return getattr(run, "model_name", None) or run.model


def label_of(run, model: VisionTransformer, number: int) -> str | None:
    """A model class' name, by the run or the model itself, as one line of text; None where neither has one."""
    labels = getattr(run, "labels", None) or model.labels
    return plain(labels[number]) if labels and 0 <= number < len(labels) else None


def curve_numbers(why: Why, curve: Curve) -> dict:
    """A curve for the browser."""
    return {
        "counts": list(curve.counts),
        "p": [[round(float(p), 4) for p in both] for both in curve.probabilities],
        "first": curve.first,
        "becomes": None if curve.becomes is None else [curve.becomes, why.label(curve.becomes)],
    }


def _list(off: dict, name: str) -> Sequence:
    value = off.get(name)
    return value if isinstance(value, list | tuple) else ()


def _whole(values: Sequence, end: int) -> list[int]:
    """Those that are whole numbers from 0 to `end` - 1, each once, in order."""
    return sorted({v for v in values if type(v) is int and 0 <= v < end})
