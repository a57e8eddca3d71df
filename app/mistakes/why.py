"""Why a model predicts what it predicts for one image, and what would change the prediction. Arrays, no widgets.

Everything is about one image and two classes: the predicted class and the label. Where the label agrees, or the model
does not know it, the second class is the runner-up. A multi-label model predicts every class with a probability of 0.5
or more; here the "predicted class" is its most probable one, and the prediction changes when one of the two classes
crosses 0.5.
"""

from __future__ import annotations

import functools
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from app.components.why.payload import pack
from app.explore.reasons.methods import METHOD_FACTS, METHODS, SCORE_STEPS, Comparison
from app.explore.result import array
from app.text.plain import plain
from vit_core import InputError, VisionTransformer
from vit_core import attribution as at
from vit_core.evaluation.filters import Filter
from vit_core.evaluation.plan import check_predicts_classes
from vit_core.evaluation.results import index_of
from vit_core.images import crop_to_patches, missing_image, read_image, thumbnail
from vit_core.models import predictions
from vit_core.models.device import with_cpu_fallback
from vit_core.models.predictions import THRESHOLD

FIRST_CURVE = ("gradient_rollout", "mean")  # the method and fill that the view begins with, if none is asked for
CURVE_STEP = 6  # points of a curve that are computed without a pause; a click waits for them
SHOWN_CLASSES = 8  # classes whose probabilities are shown
NEAREST_PER_CLASS = 6
MAX_CURVE_STEPS = 64  # with as many patches or more, the curve is computed at MAX_CURVE_STEPS // 4 counts
PICTURE_SIDE = 640  # longer side of the large picture, pixels
NEAREST_SIDE = 96  # longer side of the nearest images, pixels
TOLERANCE = 0.05  # by which another device or bf16 may change a probability


@dataclass(frozen=True)
class Curve:
    """A deletion curve: the probabilities while the most important patches are erased."""

    counts: tuple[int, ...]  # number of erased patches at each step
    probabilities: np.ndarray  # (steps, 2), of `Why.pair`
    first: int | None  # the first of `counts` at which the prediction changes
    becomes: int | None  # the class that is predicted then; of a multi-label model, the one that crosses the threshold


def _cached(method: Callable) -> Callable:
    """A method computed once for each of its arguments. The object holds the results, so both are freed together."""

    @functools.wraps(method)
    def found(self, *arguments):
        results = vars(self).setdefault(f"_{method.__name__}", {})
        if arguments not in results:
            results[arguments] = method(self, *arguments)
        return results[arguments]

    return found


class Why:
    """The explanation of one image of an evaluation. Call what runs the model on the worker thread.

    Args:
        run: an evaluation with `rows`, `source` and `labels`.
        path: the image's path, as in the rows.

    Raises InputError "image-missing" and the other codes of reading an image, "model-no-head" and
    "evaluate-regression".
    """

    def __init__(self, model: VisionTransformer, run, path: str):
        check_predicts_classes(model)
        row = run.rows.row(path)
        if row is None:
            raise missing_image(path)
        self.model, self.run, self.row, self.path = model, run, row, path
        #: Whether the model's device ran out of memory, so that the CPU computes this image.
        self.fell_back = False
        data = run.source.data(index_of(run.source, row))
        #: Whether the file differs from the one that was evaluated.
        self.changed = bool(row["hash"]) and hashlib.blake2b(data, digest_size=16).hexdigest() != row["hash"]
        self.picture = read_image(data)
        self.images, self.crop = model.transform(self.picture)
        self.grid: tuple[int, int] = model.grid(self.images)
        begun = time.perf_counter()
        self.logits = self._call(at.interventions, self.images, [at.Change()])[0].cpu()
        #: Seconds of one forward pass.
        self.seconds = time.perf_counter() - begun
        self.problem_type = model.config.problem_type
        #: (classes,), nothing erased or switched off.
        self.probabilities = array(predictions.scores(self.logits, self.problem_type))
        self.predicted = int(self.probabilities.argmax())
        stored = row["predicted"] if row["predicted"] is not None else -1
        #: Whether the model differs from the one that was evaluated: it gives another probability for the same file.
        self.retrained = (
            not self.changed
            and stored >= 0
            and not (
                stored < len(self.probabilities) and abs(self.probabilities[stored] - row["probability"]) < TOLERANCE
            )
        )
        #: The label as one of the model's classes; -1 if the model does not have it.
        self.label = -1 if row["label"] is None else int(row["label"])
        #: Whether the label differs from the prediction.
        self.labelled = self.label >= 0 and self.label != self.predicted
        #: The predicted class, and the label's (`labelled`) or the runner-up.
        self.pair = self.predicted, self.label if self.labelled else self._best(self.probabilities, 2)[-1]

    def _call(self, function: Callable, *args, **options):
        """`function(model, ...)`; without memory for it, on the CPU, where everything runs from then on."""
        answer, model = with_cpu_fallback(function, self.model, *args, **options)
        self.fell_back |= model is not self.model
        self.model = model
        return answer

    @property
    def nbytes(self) -> int:
        """Bytes of the picture and of the model input; maps and thumbnails are small in comparison."""
        return self.picture.width * self.picture.height * len(self.picture.getbands()) + self.images.nbytes

    @property
    def patches(self) -> int:
        return self.grid[0] * self.grid[1]

    @functools.cached_property
    def counts(self) -> tuple[int, ...]:
        """The numbers of erased patches in a curve: all of them, or with many patches a geometric selection."""
        if self.patches < MAX_CURVE_STEPS:
            return tuple(range(self.patches + 1))
        return (0, *np.unique(np.geomspace(1, self.patches, MAX_CURVE_STEPS // 4).round().astype(int)).tolist())

    @property
    def passes(self) -> int:
        """Forward passes that the maps of one method cost; a gradient counts as two more."""
        return 3 * len(self.pair)

    def region(self, side: int = PICTURE_SIDE) -> Image.Image:
        """The part of the original picture under the patch grid, its longer side `side` pixels."""
        config = self.model.config
        picture = self.picture.convert("L" if config.channels == 1 else "RGB")
        return crop_to_patches(picture, self.crop, config.patch_size, side, squashed=True)

    @functools.cached_property
    def shown(self) -> tuple[int, ...]:
        """The classes that have a bar, most probable first; the pair is always among them."""
        others = [c for c in self._best(self.probabilities, SHOWN_CLASSES) if c not in self.pair]
        classes = {*self.pair, *others[: SHOWN_CLASSES - len(set(self.pair))]}
        return tuple(sorted(classes, key=lambda c: -self.probabilities[c]))

    def class_name(self, number: int) -> str | None:
        """The class name; None where the model has none."""
        return label_of(self.run, self.model, number)

    @property
    def source_label_name(self) -> str:
        """The name of the label in the source."""
        return str(self.run.source.classes[self.row["source_label"]])

    @_cached
    def maps(self, method: str) -> np.ndarray:
        """(2, rows, cols) float32: how much each patch supports each of `pair`, by one of METHODS."""
        return np.stack([self.map_of(method, number) for number in self.pair])

    @_cached
    def map_of(self, method: str, number: int) -> np.ndarray:
        """(rows, cols), one of `maps`."""
        values = self._call(METHODS[method], self.images, number)
        return array(values[-self.patches :].reshape(self.grid))  # without the prefix tokens, which come first

    @_cached
    def ranking(self, method: str) -> tuple[int, ...]:
        """All patches, the strongest evidence for the predicted class first."""
        return at.most_important(torch.from_numpy(self.maps(method)[0].copy()), self.patches)

    @functools.cached_property
    def compared(self) -> Comparison:
        """The methods compared, for the predicted class."""
        return Comparison(lambda method: self.map_of(method, self.predicted), self._curves, self.patches)

    def _curves(self, values: torch.Tensor) -> at.Faithfulness:
        """The deletion and the insertion curve of a map (P,) of the predicted class."""
        return self._call(at.faithfulness, self.images, values, self.predicted, steps=SCORE_STEPS)

    def missing_parts(self, method: str, fill: str) -> list[int]:
        """Where the parts of that curve begin that are not computed yet, as indices into `counts`."""
        computed = vars(self).get("_curve_part", {})
        return [start for start in self._starts if (method, fill, start) not in computed]

    @property
    def _starts(self) -> range:
        return range(0, len(self.counts), CURVE_STEP)

    @_cached
    def curve_part(self, method: str, fill: str, start: int) -> at.DeletionCurve:
        """CURVE_STEP points of a curve, from `counts[start]` on."""
        counts = self.counts[start : start + CURVE_STEP]
        ranking = self.ranking(method)
        return self._call(at.deletion_curve, self.images, ranking, classes=self.pair, counts=counts, fill=fill)

    @_cached
    def curve(self, method: str, fill: str) -> Curve:
        """Erase more and more patches, the strongest evidence for the predicted class first."""
        parts = [self.curve_part(method, fill, start) for start in self._starts]
        scores = np.concatenate([array(part.scores) for part in parts])
        first, becomes = next((part.first for part in parts if part.first is not None), None), None
        if first is not None:
            at_change = self.counts.index(first)
            becomes = int(torch.cat([part.predicted for part in parts])[at_change])
            if self.problem_type == "multi_label":  # the one of the pair that crosses the threshold
                crossed = (scores[at_change] >= THRESHOLD) != (scores[0] >= THRESHOLD)
                becomes = self.pair[int(crossed.argmax())]
        return Curve(self.counts, scores, first, becomes)

    @functools.cached_property
    def blurred(self) -> Image.Image:
        """The model input with every patch under the fill "blur"."""
        return self._as_picture(at.erase_patches(self.model, self.images, range(self.patches), "blur"))

    @functools.cached_property
    def mean_colour(self) -> tuple[int, ...]:
        """(red, green, blue) of the fill "mean"."""
        return self._as_picture(at.erase_patches(self.model, self.images, range(self.patches), "mean")).getpixel((0, 0))

    def _as_picture(self, tensor: torch.Tensor) -> Image.Image:
        """The part of a model input under the patch grid, as a picture."""
        transform = self.model.transform
        mean, std = (tensor.new_tensor(v).view(-1, 1, 1) for v in (transform.mean, transform.std))
        pixels = ((tensor[0] * std + mean) * 255).round().clamp(0, 255).byte().permute(1, 2, 0).cpu().numpy()
        height, width = (g * p for g, p in zip(self.grid, self.model.config.patch_size, strict=True))
        pixels = pixels[:height, :width]
        return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).convert("RGB")

    @functools.cached_property
    def nearest(self) -> tuple[list[tuple[dict, bytes]], ...]:
        """For each of `pair`, the correctly predicted images with the nearest embeddings: (row with "similarity",
        thumbnail as WebP). Images that cannot be read any more are left out."""
        return tuple(self._nearest(number) for number in self.pair)

    def _nearest(self, number: int) -> list[tuple[dict, bytes]]:
        found = []
        for row in self.run.rows.neighbours(self.path, NEAREST_PER_CLASS, Filter(label=number, outcome="right")):
            try:
                found.append((row, thumbnail(self.run.source.read(index_of(self.run.source, row)), NEAREST_SIDE)))
            except InputError:
                continue
        return found

    def change_of(self, message) -> at.Change:
        """A message of the browser as a change; whatever does not fit this model and image is dropped."""
        depth, heads = self.model.config.depth, self.model.config.heads
        message = message if isinstance(message, dict) else {}
        pairs = [pair for pair in _list(message, "heads") if isinstance(pair, list | tuple) and len(pair) == 2]
        pairs = [(layer, head) for layer, head in pairs if _is_index(layer, depth) and _is_index(head, heads)]
        return at.Change(
            erased=tuple(sorted({p for p in _list(message, "erased") if _is_index(p, self.patches)})),
            fill=message.get("fill") if message.get("fill") in at.FILLS else "mean",
            heads_off=tuple(sorted(set(pairs))),
            layers_off=tuple(sorted({layer for layer in _list(message, "layers") if _is_index(layer, depth)})),
        )

    def answer(self, message) -> dict:
        """The answer to a message of the browser: after the change, the probabilities of `shown` ("p") and the
        prediction ("now": class, name, probability), of the methods named in "maps" and "curve" the maps and the
        deletion curve, and for "compare" what `Comparison.step` says."""
        change = self.change_of(message)
        changed = bool(change.erased or change.heads_off or change.layers_off)
        after = (
            array(predictions.scores(self._call(at.interventions, self.images, [change])[0].cpu(), self.problem_type))
            if changed
            else self.probabilities
        )
        now = int(after.argmax())
        out = {
            "p": [round(float(after[c]), 6) for c in self.shown],
            "now": [now, self.class_name(now), round(float(after[now]), 6)],
        }
        message = message if isinstance(message, dict) else {}
        if (method := message.get("maps")) in [*METHODS]:
            out["maps"] = {"method": method, "values": [float(f"{v:.6g}") for v in self.maps(method).ravel()]}
        if (method := message.get("curve")) in [*METHODS]:
            out["curve"] = self.curve_values(method, change.fill)
        if "compare" in message:
            out["compare"] = self.compared.step(message["compare"])
        return out

    def curve_values(self, method: str, fill: str) -> dict:
        """A curve as JSON values for the browser."""
        curve = self.curve(method, fill)
        return {
            "method": method,
            "fill": fill,
            "counts": list(curve.counts),
            "p": [[round(float(p), 4) for p in both] for both in curve.probabilities],
            "first": curve.first,
            "becomes": None if curve.becomes is None else [curve.becomes, self.class_name(curve.becomes)],
        }

    def payload(
        self,
        of: str,
        words: Mapping[str, str],
        names: Mapping[int, str],
        translations: Mapping[str, str],
        first: tuple[str, str] = FIRST_CURVE,
    ) -> bytes:
        """The image and the maps of one method as one binary for the browser.

        `of` identifies the image and comes back with each message; `words` are `app.text.why.EN` or `KO`; `names` are
        the names of the classes in `shown`; `translations` are those of the model's class names, for later answers;
        `first` is the method and the fill that the view begins with.
        """
        method, fill = first
        config, (height, width) = self.model.config, self.model.config.patch_size
        header = {
            "of": of,
            "words": dict(words),
            "translations": dict(translations),
            "grid": self.grid,
            "aspect": height / width,
            "layers": config.depth,
            "heads": config.heads,
            "pair": self.pair,
            "labelled": self.labelled,
            "threshold": THRESHOLD if self.problem_type == "multi_label" else None,
            "mean": self.mean_colour,
            "shown": [{"class": c, "name": names[c], "p": round(float(self.probabilities[c]), 6)} for c in self.shown],
            **METHOD_FACTS,
            "method": method,
            "fill": fill,
        }
        return pack(header, self.region(), self.blurred, {method: self.maps(method)})

    @staticmethod
    def _best(probabilities: np.ndarray, k: int) -> list[int]:
        return np.argsort(-probabilities, kind="stable")[:k].tolist()


def model_name(run) -> str:
    """The name of a run's model, as `vit_core.load` takes it."""
    return getattr(run, "model_name", None) or run.model


def labels_of(run, model: VisionTransformer) -> Sequence[str] | None:
    """The class names of the run or the model; None where neither has any."""
    return getattr(run, "labels", None) or predictions.named_classes(model)


def label_of(run, model: VisionTransformer, number: int) -> str | None:
    """A class name from the run or the model, as one line of text; None where neither has one."""
    labels = labels_of(run, model)
    return plain(labels[number]) if labels and 0 <= number < len(labels) else None


def _list(message: dict, name: str) -> Sequence:
    value = message.get(name)
    return value if isinstance(value, list | tuple) else ()


def _is_index(value, end: int) -> bool:
    return type(value) is int and 0 <= value < end
