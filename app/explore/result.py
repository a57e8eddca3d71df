"""What Explore and Lecture show of one picture and one model: arrays, never widgets. No Streamlit."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import itertools
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from app.components.atlas.payload import Source
from app.runtime.model_values import arrays_among, model_value
from vit_core import Trace, VisionTransformer, record
from vit_core.attention import statistics
from vit_core.attention.attention_rollout import fused_layers, rollout, rollout_by_depth
from vit_core.images import crop_to_patches
from vit_core.models import embeddings, predictions
from vit_core.models.config import ViTConfig

#: Limit on the elements of all layers' fused attention: up to it, moving a rollout control costs a few products.
MAX_FUSED_ELEMENTS = 40_000_000
MAX_FUSED_OPTIONS = 3
MAX_ROLLOUTS = 16
_SERIALS = itertools.count()


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
    """A result's grid and heads: small, and without a reference to the result, so that anybody may keep it."""

    config: ViTConfig
    grid: tuple[int, int]  # (rows, cols) of patches
    all_depths_fit: bool

    @property
    def prefix_names(self) -> tuple[str, ...]:
        """The tokens before the first patch, by name."""
        return self.config.prefix_names

    def token(self, place: str | tuple[int, int]) -> int:
        """Like `Result.token`; the place must exist."""
        if isinstance(place, str):
            return self.prefix_names.index(place)
        return self.config.num_prefix_tokens + place[0] * self.grid[1] + place[1]


@dataclass(frozen=True, eq=False)
class Result:
    """One forward pass and what can be read from it. Read-only; shared by all sessions.

    Everything is derived from `trace` and the weights; only `features` runs the model again. What computes with
    tensors is called on the thread that runs models (`cache.run`).
    """

    name: str  # of the model, for `vit_core.load`
    picture: Image.Image
    model: VisionTransformer
    trace: Trace
    seconds: float  # duration of preprocessing and forward pass
    fell_back: bool = False  # whether the CPU ran this picture, because the best device had too little memory

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, cols) of patches."""
        return self.trace.grid

    @property
    def config(self) -> ViTConfig:
        """The model's configuration."""
        return self.trace.config

    @property
    def outline(self) -> Outline:
        """A small part that may outlive the result."""
        return Outline(self.config, self.grid, self.all_depths_fit)

    @property
    def prefix_names(self) -> tuple[str, ...]:
        """The tokens before the first patch, by name."""
        return self.config.prefix_names

    @property
    def device(self) -> torch.device:
        """The device that the trace is on."""
        return self.trace.tokens.device

    @property
    def nbytes(self) -> int:
        """Bytes of the picture, the trace and what has been derived from it so far; not of the model and its values
        (`app.runtime.model_values`)."""
        attributes = dict(vars(self))
        own = [value for name, value in attributes.items() if name not in ("position_similarity", "filters")]
        fused = [matrix for matrices in list(self._fused.values()) for matrix in matrices]
        pictures = [value for value in own if isinstance(value, Image.Image)]
        atlas, features = attributes.get("atlas"), attributes.get("features")
        return (
            self.trace.nbytes
            + sum(held.nbytes for held in (*fused, *self.recent_rollouts.values(), *arrays_among(own)))
            + (atlas.nbytes if atlas else 0)
            + (features.directions.nbytes + features.values.nbytes if features else 0)
            + sum(image.width * image.height * len(image.getbands()) for image in pictures)
        )

    @functools.cached_property
    def digest(self) -> str:
        """Identifies the picture."""
        return digest_of(self.picture)

    @property
    def serial(self) -> int:
        """Identifies the model, also among models of one name."""
        return model_value(self.model, "serial", lambda: next(_SERIALS))

    @functools.cached_property
    def parameters(self) -> int:
        """Number of weights."""
        return model_value(self.model, "parameters", lambda: sum(p.numel() for p in self.model.parameters()))

    @functools.cached_property
    def features(self) -> Trace:
        """The trace with the features of each layer, from a second forward pass."""
        recorded = record(self.model, self.picture, features=True)
        return dataclasses.replace(self.trace, directions=recorded.directions, values=recorded.values).cpu()

    @functools.cached_property
    def model_input(self) -> Image.Image:
        """The model's input before normalisation, at its own size."""
        return self.model.transform.input_image(self.picture)

    @functools.cached_property
    def region(self) -> Image.Image:
        """What the patch grid covers, cut from the picture; its longer side is 640 pixels."""
        return crop_to_patches(self.picture, self.trace.crop, self.config.patch_size)

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

    @property
    def problem_type(self) -> str:
        """What the logits mean (`vit_core.models.predictions`)."""
        return self.config.problem_type

    def predictions(self, k: int = 5) -> list[tuple[int, float]]:
        """The first `k` classes as (index, score), as `vit_core.top_k` lists them; empty for a model without a head."""
        if self.trace.logits is None:
            return []
        return [(index, float(self.scores[index])) for index in self._listed[:k].tolist()]

    @functools.cached_property
    def scores(self) -> np.ndarray:
        """What the head says of each class: its probability, or a regression's outputs; (classes,)."""
        logits = self.trace.logits
        return np.empty(0) if logits is None else array(predictions.scores(logits.cpu(), self.problem_type))

    @functools.cached_property
    def _listed(self) -> np.ndarray:
        """The classes in the order in which they are listed; int64."""
        order = predictions.ranked(torch.from_numpy(self.scores.copy()), self.problem_type).numpy()
        return order[np.isin(order, predictions.listed_classes(self.model))]

    def label(self, index: int) -> str | None:
        """The class's name, if the model has names."""
        names = predictions.named_classes(self.model)
        return names[index] if names else None

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

        return model_value(self.model, ("position_similarity", self.grid), make)

    @functools.cached_property
    def filters(self) -> tuple[np.ndarray, np.ndarray]:
        """Principal patch-embedding filters (k, patch height, patch width, 3) and their share of the variance."""
        return model_value(self.model, "filters", lambda: tuple(map(array, embeddings.embedding_filters(self.model))))

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
    def all_depths_fit(self) -> bool:
        """Whether every layer's fused attention may be kept in memory, so that the rollout of every depth is shown."""
        return self.trace.depth * self.trace.num_tokens**2 <= MAX_FUSED_ELEMENTS

    @functools.cached_property
    def recent_rollouts(self) -> dict[Rollout, np.ndarray]:
        """The last results of `rollouts`."""
        return {}

    @functools.cached_property
    def _fused(self) -> dict[tuple[str, float], list[Tensor]]:
        return {}

    def fused(self, fusion: str, discard: float) -> list[Tensor]:
        """Each layer's attention, fused over heads, its rows summing to one: (N, N) each."""
        if (fusion, discard) == ("mean", 0) and self.trace.mean_attention is not None:  # the trace has them
            return fused_layers(self.trace)
        if (fusion, discard) not in self._fused:
            while len(self._fused) >= MAX_FUSED_OPTIONS:
                self._fused.pop(next(iter(self._fused)))
            self._fused[fusion, discard] = fused_layers(self.trace, fusion, discard)
        return self._fused[fusion, discard]

    def rollouts(self, options: Rollout) -> np.ndarray:
        """The rollout up to each layer from `first` to `last`, (layers, N); for long sequences, up to `last` only.

        The same numbers as vit_core.rollout, from fused matrices that are kept between calls.
        """
        if options not in self.recent_rollouts:
            while len(self.recent_rollouts) >= MAX_ROLLOUTS:
                self.recent_rollouts.pop(next(iter(self.recent_rollouts)))
            self.recent_rollouts[options] = self._rollouts(options)
        return self.recent_rollouts[options]

    def _rollouts(self, options: Rollout) -> np.ndarray:
        if not self.all_depths_fit:
            return array(rollout(self.trace, **dataclasses.asdict(options)))[None]
        fused = self.fused(options.fusion, options.discard)
        return array(rollout_by_depth(self.trace, **dataclasses.asdict(options), fused=fused))
