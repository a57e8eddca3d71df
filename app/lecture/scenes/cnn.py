"""CNN to ViT: the receptive fields of a CNN, layer by layer, beside the attention of one patch in a ViT.

Two pictures are compared, the current one and a bundled one of the same kind: attention depends on the picture, filters
do not. Distances and widths are fractions of the picture's longer side.
"""

from __future__ import annotations

import copy
import functools
import io
import json
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from app.explore.result import Result
from app.lecture.stage import Scene, Stage, array, bytes_of, integer
from vit_core import VisionTransformer, record
from vit_core.attention import statistics
from vit_core.checkpoints import embedded
from vit_core.images import Preprocess, WholePicture, read_image
from vit_core.lecture import receptive_fields

GRADIENT_SHARE = 0.95  # of the gradient lies in the square that is shown as the effective field
OTHER_PICTURE_PIXELS = 360  # longer side of the other picture, as sent
MAX_ASPECT = 4  # longer side of the CNN's input, in shorter sides

cnn = functools.cache(embedded.load_cnn)


def companion(stage: Stage) -> tuple[embedded.EmbeddedCNN, bool]:
    """The CNN to compare with this ViT, and whether both were trained on the same classes."""
    nets = [cnn("tiny-cnn"), cnn("fashion-cnn")]
    same = [net for net in nets if net.labels == stage.model.labels and net.transform.channels == stage.config.channels]
    return (same[0], True) if same else (nets[stage.config.channels == 1], False)


def cnn_input(net: embedded.EmbeddedCNN, result: Result) -> torch.Tensor:
    """The CNN's input (1, C, height, width): the region that the ViT's patches cover, at the CNN's own scale."""
    (rows, cols), (ph, pw) = result.grid, result.trace.config.patch_size
    crop, size = result.trace.crop, net.transform.size
    if (rows * ph, cols * pw) == crop.input and net.transform.crop(crop.picture).box == crop.box:
        return net.transform(result.picture)[0]
    width, height = result.region.size
    scale = size[0] / min(width, height)
    size = tuple(min(max(round(side * scale), size[0]), MAX_ASPECT * size[0]) for side in (height, width))
    return Preprocess(size, net.transform.mean, net.transform.std, "bicubic", 1.0, "squash")(result.region)[0]


@dataclass(eq=False)
class Pair:
    """The stage's own result and the other picture's, and both as the CNN's input."""

    results: tuple[Result, Result]
    title: dict[str, str]  # of the other picture, by language
    picture: np.ndarray  # the other picture, as a WebP file's bytes
    net: embedded.EmbeddedCNN
    same: bool
    inputs: tuple[torch.Tensor, torch.Tensor]
    distance: list[float]  # mean attention distance of each layer, a share of the picture's longer side

    @property
    def nbytes(self) -> int:
        """Bytes without the stage's own result and without the network, which all stages share."""
        return bytes_of((self.results[1], self.picture, self.inputs))


def _other(stage: Stage) -> tuple[Image.Image, dict[str, str]]:
    """The first bundled picture of the model's kind that is not the current one, and its title by language."""
    folder = embedded.ASSETS / "samples"
    kind, now = "fashion" if stage.config.channels == 1 else "photo", stage.result.picture
    for entry in json.loads((folder / "samples.json").read_text(encoding="utf-8")):
        if entry["model"] == kind and (picture := read_image(folder / entry["file"])).tobytes() != now.tobytes():
            return picture, {"en": entry["title_en"], "ko": entry["title_ko"]}
    return now, {"en": "", "ko": ""}


def of_same_grid(stage: Stage) -> VisionTransformer:
    """The stage's model, with preprocessing that gives every picture the stage's grid."""
    own = stage.model.transform
    if not isinstance(own, WholePicture):
        return stage.model
    view = copy.copy(stage.model)
    view.transform = Preprocess(stage.result.trace.crop.input, own.mean, own.std, own.interpolation, 1.0, "center")
    return view


def pair_of(stage: Stage) -> Pair:
    """The stage's two pictures; computed once."""
    return stage.memo(("cnn", "pair"), lambda: _pair(stage))


def _pair(stage: Stage) -> Pair:
    picture, title = _other(stage)
    model = of_same_grid(stage)
    other = Result(stage.result.name, picture, model, record(model, picture), 0.0)
    file, small = io.BytesIO(), other.region.convert("RGB")
    small.thumbnail((OTHER_PICTURE_PIXELS, OTHER_PICTURE_PIXELS))
    small.save(file, "WEBP", quality=88, method=0)
    net, same = companion(stage)
    trace, (ph, pw) = stage.result.trace, stage.config.patch_size
    if ph == pw:
        pixels = stage.result.distances.mean(1) * ph
    else:
        heads = [statistics.attention_distance(trace, i, "pixels") for i in range(trace.depth)]
        pixels = array(torch.stack(heads).mean(1))
    side = max(trace.grid[0] * ph, trace.grid[1] * pw)
    return Pair(
        (stage.result, other),
        title,
        np.frombuffer(file.getvalue(), np.uint8),
        net,
        same,
        tuple(cnn_input(net, one) for one in (stage.result, other)),
        (pixels / side).tolist(),
    )


def attention_by_layer(result: Result, token: int) -> torch.Tensor:
    """Attention from one token in each layer, mean over heads: (layers, N)."""
    return torch.stack([result.trace.attention(i, [token])[:, 0].mean(0) for i in range(result.trace.depth)])


def span(weights: np.ndarray, patch: tuple[int, int]) -> float:
    """The extent of all patches with weight, as a fraction of the picture's longer side.

    weights (rows, cols); patch: its (height, width) in pixels.
    """
    found = np.nonzero(weights > 0)
    spans = [(f.max() - f.min() + 1) * step if len(f) else 0 for f, step in zip(found, patch, strict=True)]
    return float(max(spans) / max(weights.shape[0] * patch[0], weights.shape[1] * patch[1]))


def _convolutions(net: embedded.EmbeddedCNN, images: torch.Tensor, pixel: tuple) -> tuple[dict, np.ndarray]:
    """The receptive fields of all convolutions around `pixel`: plain numbers, and maps that sum to 1."""
    maps, units, logits = receptive_fields.effective_fields(net.net, images, pixel)
    side, layers = max(maps.shape[1:]), []
    for field, unit, weights in zip(receptive_fields.theoretical_fields(net.net), units, maps, strict=True):
        centre = tuple(field.centre(i) for i in unit)
        wide = receptive_fields.square_side(weights, centre, GRADIENT_SHARE)
        far = receptive_fields.mean_distance(weights, centre)
        layers.append(
            {
                "size": field.size,
                "jump": field.jump,
                "span": [field.span(i) for i in unit],
                "centre": centre,
                "effective": wide,
                "theoretical_share": field.size / side,
                "effective_share": None if wide is None else wide / side,
                "distance": None if far is None else far / side,
            }
        )
    best = [part.tolist() for part in logits.softmax(-1).topk(min(2, len(logits)))]
    answers = [{"label": net.labels[i], "p": p} for p, i in zip(*best, strict=True)]
    total = maps.sum((1, 2), keepdim=True)
    maps = maps / total.where(total > 0, torch.ones(()))
    return {"height": maps.shape[1], "width": maps.shape[2], "layers": layers, "answers": answers}, array(maps)


def build(stage: Stage, want: dict) -> Scene:
    """Arrays of the current picture (0) and the other one (1): "field0", "field1" (convolutions, height, width), each
    map summing to 1; "attention0", "attention1" (layers, N); "kernel0", "kernel1" (3, 3, C), one filter of the first
    convolution, read after each picture's pass; "other", the other picture's file."""
    pair, (tall, across) = pair_of(stage), stage.result.grid
    at = integer(want, "at", 0, tall * across - 1, tall // 2 * across + across // 2)
    row, col = divmod(at, across)
    pictures, arrays = [], {"other": pair.picture}
    weight = pair.net.net.stages[0][0].weight  # filters, C, 3, 3
    strongest = int(weight.flatten(1).norm(dim=1).argmax())
    for i, (result, images) in enumerate(zip(pair.results, pair.inputs, strict=True)):
        height, width = images.shape[-2:]
        pixel = (row + 0.5) / tall * height - 0.5, (col + 0.5) / across * width - 0.5
        numbers, arrays[f"field{i}"] = _convolutions(pair.net, images, pixel)
        attention = array(attention_by_layer(result, stage.result.trace.num_prefix_tokens + at))
        arrays[f"attention{i}"] = attention
        arrays[f"kernel{i}"] = array(weight[strongest].permute(1, 2, 0)).copy()
        on_grid = result.on_grid(attention)
        pictures.append(
            numbers
            | {
                "aspect": result.patch_aspect,
                "vit": stage.answers(result.trace.logits, 2),
                "reach": [span(one, stage.config.patch_size) for one in on_grid],
                "seen": [int((one > 0).sum()) for one in on_grid],
            }
        )
    return Scene(
        {
            "at": at,
            "layers": stage.config.depth,
            "convolutions": len(pictures[0]["layers"]),
            "share": GRADIENT_SHARE,
            "pictures": pictures,
            "title": pair.title,
            "same": pair.same,
            "filter": strongest,
            "filters": len(weight),
            "distance": pair.distance,
            "patches": tall * across,
            "parameters": {"cnn": sum(p.numel() for p in pair.net.net.parameters()), "vit": stage.result.parameters},
        },
        arrays,
    )
