"""The sample pictures that a model finds most similar to the one at hand, by its final vector. No Streamlit."""

from __future__ import annotations

import functools
import json

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from app.explore.result import digest_of
from app.lecture.stage import Stage
from app.runtime.model_values import has_model_value, model_value
from vit_core import VisionTransformer
from vit_core.assets import ASSETS
from vit_core.attention.trace import autocast
from vit_core.images import read_image
from vit_core.lecture import final_vector

SAMPLES = ASSETS / "samples"
SIDE = 96  # pixels of a small picture
SHOWN = 5
_KEY = "sample vectors"


@functools.cache
def listed() -> list[dict]:
    """The entries of samples.json."""
    return json.loads((SAMPLES / "samples.json").read_text(encoding="utf-8"))


@functools.cache
def _small() -> tuple[np.ndarray, tuple[str, ...]]:
    """The samples as small squares, (samples, SIDE, SIDE, 3) bytes, and the digest of each."""
    pictures = [_picture(entry) for entry in listed()]
    squares = [np.asarray(ImageOps.fit(one.convert("RGB"), (SIDE, SIDE))) for one in pictures]
    return np.stack(squares), tuple(map(digest_of, pictures))


def _picture(entry: dict) -> Image.Image:
    return read_image((SAMPLES / entry["file"]).read_bytes())


@torch.no_grad()
def sample_vectors(model: VisionTransformer) -> Tensor:
    """The final vector of each sample picture, (samples, width), float32 on the CPU. Runs the model once for each."""

    def vector(entry: dict) -> Tensor:
        images = model.transform(_picture(entry))[0].to(model.patch_embed.weight.device)
        with autocast(images.device):
            return final_vector(model, images)[0].float().cpu()

    return torch.stack([vector(entry) for entry in listed()])


def are_known(stage: Stage) -> bool:
    """Whether the samples' vectors were computed for this model before."""
    return has_model_value(stage.model, _KEY)


def nearest(stage: Stage, vector: Tensor, language: str) -> tuple[list[dict], float, np.ndarray]:
    """The samples with the largest cosine to `vector` (width,), best first, without the picture itself.

    Returns [{"title", "cosine"}], the mean cosine to all other samples, and the small pictures, (shown, SIDE, SIDE, 3)
    bytes.
    """
    vectors = torch.from_numpy(model_value(stage.model, _KEY, lambda: sample_vectors(stage.model).numpy()))
    cosines = torch.nn.functional.cosine_similarity(vectors, vector.float().cpu()[None], dim=1)
    squares, digests = _small()
    others = [i for i, digest in enumerate(digests) if digest != stage.result.digest]
    best = sorted(others, key=lambda i: -float(cosines[i]))[:SHOWN]
    found = [{"title": listed()[i][f"title_{language}"], "cosine": float(cosines[i])} for i in best]
    return found, float(cosines[others].mean()), squares[best]
