"""What the page asks of one picture and one model: arrays, never widgets."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import itertools
import weakref
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from app.components.atlas.component import Source
from vit_core import Trace, VisionTransformer
from vit_core.attention import statistics
from vit_core.attention.attention_rollout import fused_layers, one_token, rollout, walk
from vit_core.images import patch_box
from vit_core.models import embeddings
from vit_core.models.config import ViTConfig

#: Elements of all layers' fused attention that are kept, so that moving a rollout control costs a few products.
KEPT = 40_000_000
ROLLED = 16  # rollouts that are kept


#: What is read from a model alone, for as long as it lives; `kept_of` counts it.
_OF_MODEL: weakref.WeakKeyDictionary[VisionTransformer, dict[Hashable, Any]] = weakref.WeakKeyDictionary()
_SERIALS = itertools.count()


def kept_of(model: VisionTransformer) -> int:
    """Bytes of what has been read from the model so far and is kept with it, for all pictures."""
    return sum(a.nbytes for a in _arrays(list(_OF_MODEL.get(model, {}).values())))


def _arrays(values: list) -> list[np.ndarray]:
    """Those among values, and in tuples among them."""
    found = [a for value in values for a in (value if isinstance(value, tuple) else (value,))]
    return [a for a in found if isinstance(a, np.ndarray)]


def digest_of(picture: Image.Image) -> str:
    """The sha256 of a picture's size and pixels."""
    return hashlib.sha256(repr(picture.size).encode() + picture.tobytes()).hexdigest()


@dataclass(frozen=True)
class Rollout:
    """The rollout's options, as vit_core.rollout takes them; hashable."""

    fusion: str = "mean"
    residual: float = 0.5
    discard: float = 0.0
    first: int = 0
    last: int = 0
    token: int = 0


def array(tensor: Tensor) -> np.ndarray:
    """A read-only float32 array of a tensor on any device."""
    out = tensor.detach().float().cpu().numpy()
    out.flags.writeable = False
    return out


@dataclass(frozen=True)
class Outline:
    """Of a result, where its patches and heads are: small, and no part of it, to be kept for as long as one likes."""

    config: ViTConfig
    grid: tuple[int, int]  # (rows, cols) of patches
    strip_fits: bool

    @property
    def prefix_names(self) -> tuple[str, ...]:
        """The tokens before the first patch, by name."""
        return self.config.prefix_names

    def token(self, place: str | tuple[int, int]) -> int:
        """As `Result.token`, of a place that is there."""
        if isinstance(place, str):
            return self.prefix_names.index(place)
        return self.config.num_prefix_tokens + place[0] * self.grid[1] + place[1]


@dataclass(frozen=True, eq=False)
class Result:
    """One forward pass and what can be read from it. Read-only; shared by all sessions.

    Everything here is derived from `trace` and the weights: nothing runs the model again. What takes
    tensors is called on the worker thread (`cache.run`), one at a time.
    """

    name: str  # the model's, as `vit_core.load` takes it
    picture: Image.Image
    model: VisionTransformer
    trace: Trace
    seconds: float  # that preprocessing and forward pass took
    fell_back: bool = False  # whether the best device had no memory for it, so that the CPU ran this picture

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, cols) of patches."""
        return self.trace.grid

    @property
    def config(self) -> ViTConfig:
        """The model's."""
        return self.trace.config

    @property
    def outline(self) -> Outline:
        """What may be kept of it where it may not."""
        return Outline(self.config, self.grid, self.strip_fits)

    @property
    def prefix_names(self) -> tuple[str, ...]:
        """The tokens before the first patch, by name."""
        return self.config.prefix_names

    @property
    def device(self) -> torch.device:
        """Where the model runs."""
        return self.trace.tokens.device

    @property
    def nbytes(self) -> int:
        """Bytes of the picture, the trace and what has been derived from it so far; not of the model, nor of what is
        read from it alone (`kept_of`)."""
        held = dict(vars(self))
        derived = [value for name, value in held.items() if name not in ("position_similarity", "filters")]
        kept = [matrix for matrices in list(self._fused.values()) for matrix in matrices] + list(self.rolled.values())
        arrays = _arrays(derived)
        pictures = [value for value in derived if isinstance(value, Image.Image)]
        atlas = held.get("atlas")
        return (
            self.trace.nbytes
            + sum(held.nbytes for held in (*kept, *arrays))
            + (atlas.nbytes if atlas else 0)
            + sum(image.width * image.height * len(image.getbands()) for image in pictures)
        )

    @functools.cached_property
    def digest(self) -> str:
        """What tells the picture from others."""
        return digest_of(self.picture)

    @property
    def serial(self) -> int:
        """What tells the model from others, those of the same name among them."""
        return self._of_model("serial", lambda: next(_SERIALS))

    @functools.cached_property
    def parameters(self) -> int:
        """Number of weights."""
        return self._of_model("parameters", lambda: sum(p.numel() for p in self.model.parameters()))

    def _of_model(self, key: Hashable, make: Callable[[], Any]) -> Any:
        kept = _OF_MODEL.setdefault(self.model, {})
        return kept[key] if key in kept else kept.setdefault(key, make())

    @functools.cached_property
    def seen(self) -> Image.Image:
        """The model's input before normalisation, at its own size."""
        return self.model.transform.input_image(self.picture)

    @functools.cached_property
    def region(self) -> Image.Image:
        """What the patch grid covers, cut from the picture at its own resolution (at most 640 pixels a side)."""
        (rows, cols), crop, patch = self.grid, self.trace.crop, self.trace.config.patch_size
        left, top, *_ = patch_box((0, 0), crop, patch)
        *_, right, bottom = patch_box((rows - 1, cols - 1), crop, patch)
        scale = 640 / max(right - left, bottom - top)
        size = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
        # An affine map may reach over the picture's edge, where a padded input does; resize's box may not. OpenCV's
        # takes a fraction of the time of Pillow's, and counts from the middles of pixels.
        step = (right - left) / size[0], (bottom - top) / size[1]
        smooth = cv2.INTER_CUBIC if max(step) < 1 else cv2.INTER_LINEAR
        shrunk, (dx, dy) = self.picture, (1.0, 1.0)
        if max(step) > 1:  # thin the picture out first, or the affine map would alias
            small = max(1, round(shrunk.width / step[0])), max(1, round(shrunk.height / step[1]))
            dx, dy = shrunk.width / small[0], shrunk.height / small[1]
            shrunk = shrunk.resize(small, Image.Resampling.LANCZOS)
        across, down = step[0] / dx, step[1] / dy
        matrix = np.array([[across, 0, left / dx + across / 2 - 0.5], [0, down, top / dy + down / 2 - 0.5]])
        out = cv2.warpAffine(
            np.asarray(shrunk), matrix, size, flags=smooth | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
        )
        x, y = (start + (np.arange(n) + 0.5) * by for start, n, by in zip((left, top), size, step, strict=True))
        out[:, (x < 0) | (x > self.picture.width)] = 0
        out[(y < 0) | (y > self.picture.height)] = 0
        return Image.fromarray(out)

    @functools.cached_property
    def atlas(self) -> Source:
        """All attention, packed for the browser."""
        return Source(self.trace, self.picture)

    @property
    def patch_aspect(self) -> float:
        """Height over width of a patch in the picture; 1 unless the preprocessing squashes."""
        down, across = self.trace.crop.scale
        ph, pw = self.trace.config.patch_size
        return down * ph / (across * pw)

    def predictions(self, k: int = 5) -> list[tuple[int, float]]:
        """The `k` most probable classes as (index, probability), best first; empty for a model without a head."""
        return list(zip(*(values[:k].tolist() for values in self._ranked), strict=True))

    @functools.cached_property
    def _ranked(self) -> tuple[np.ndarray, ...]:
        """Classes and their probabilities, best first, each (classes,); nothing without a head."""
        if self.trace.logits is None:
            return ()
        best = self.trace.logits.cpu().softmax(-1).sort(descending=True, stable=True)
        return best.indices.numpy(), array(best.values)

    def label(self, index: int) -> str | None:
        """The class's name, where the model has names."""
        return self.model.labels[index] if self.model.labels else None

    def on_grid(self, rows: np.ndarray) -> np.ndarray:
        """The patches' part of values per token (..., N), as (..., rows, cols)."""
        return rows[..., self.trace.num_prefix_tokens :].reshape(*rows.shape[:-1], *self.grid)

    def token(self, place: str | tuple[int, int]) -> int:
        """The token of a prefix name, or of the patch at (row, col)."""
        return self.prefix_names.index(place) if isinstance(place, str) else self.trace.token_at(*place)

    @functools.cached_property
    def position_similarity(self) -> np.ndarray | None:
        """Cosine similarity of the patches' position embeddings, (rows, cols, rows, cols)."""

        def make() -> np.ndarray | None:
            found = embeddings.position_similarity(self.model, self.grid)
            return None if found is None else array(found)

        return self._of_model(("position_similarity", self.grid), make)

    @functools.cached_property
    def filters(self) -> tuple[np.ndarray, np.ndarray]:
        """Principal patch-embedding filters (k, patch height, patch width, 3) and their share of the variance."""
        return self._of_model("filters", lambda: tuple(map(array, embeddings.embedding_filters(self.model))))

    @functools.cached_property
    def distances(self) -> np.ndarray:
        """Mean attention distance in patches, (layers, heads)."""
        return np.stack([array(statistics.attention_distance(self.trace, i)) for i in range(self.trace.depth)])

    @functools.cached_property
    def entropies(self) -> np.ndarray:
        """Mean attention entropy in bits, (layers, heads)."""
        return np.stack([array(statistics.attention_entropy(self.trace, i)) for i in range(self.trace.depth)])

    @functools.cached_property
    def norms(self) -> np.ndarray:
        """L2 norm of each token entering the first layer and leaving each, (layers + 1, N)."""
        return array(self.trace.token_norms)

    @property
    def strip_fits(self) -> bool:
        """Whether every layer's fused attention may be kept, and with it the rollout of every depth be shown."""
        return self.trace.depth * self.trace.num_tokens**2 <= KEPT

    @functools.cached_property
    def rolled(self) -> dict[Rollout, np.ndarray]:
        """The last rollouts asked for, as `rollouts` gave them."""
        return {}

    @functools.cached_property
    def _fused(self) -> dict[tuple[str, float], list[Tensor]]:
        return {}

    def fused(self, fusion: str, discard: float) -> list[Tensor]:
        """Each layer's attention, fused over heads, its rows summing to one: (N, N). The last few are kept."""
        if (fusion, discard) == ("mean", 0) and self.trace.mean_attention is not None:  # the trace keeps them already
            return list(self.trace.mean_attention)
        if (fusion, discard) not in self._fused:
            while len(self._fused) > 2:
                self._fused.pop(next(iter(self._fused)))
            self._fused[fusion, discard] = fused_layers(self.trace, fusion, discard)
        return self._fused[fusion, discard]

    def rollouts(self, options: Rollout) -> np.ndarray:
        """The rollout up to each layer from `first` to `last`: (layers, N). Where that costs too much, only `last`'s.

        The same numbers as vit_core.rollout, from fused matrices that are kept between calls.
        """
        if options not in self.rolled:
            while len(self.rolled) >= ROLLED:
                self.rolled.pop(next(iter(self.rolled)))
            self.rolled[options] = self._rollouts(options)
        return self.rolled[options]

    def _rollouts(self, options: Rollout) -> np.ndarray:
        if not self.strip_fits:
            return array(rollout(self.trace, **dataclasses.asdict(options)))[None]
        fused = self.fused(options.fusion, options.discard)
        out = []
        for last in range(options.first, options.last + 1):
            start = one_token(self.trace.num_tokens, options.token, device=self.device)
            *_, row = walk(start, reversed(fused[options.first : last + 1]), options.residual)
            out.append(row)
        return array(torch.stack(out))
