"""One batch of an evaluation: decoded pictures -> logits -> rows. What both engines share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor

from vit_core.attention.trace import autocast
from vit_core.data import ImageDataset
from vit_core.errors import InputError
from vit_core.evaluation.decode import PictureFacts
from vit_core.evaluation.store import storable
from vit_core.images import Preprocess
from vit_core.models.predictions import THRESHOLD, class_logits, log_scores
from vit_core.models.vit import VisionTransformer

TOP_CLASSES = 5  # classes stored with their probabilities


@torch.inference_mode()
def predict_batch(model: VisionTransformer, pixels: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    """uint8 (height, width, channels) of each picture -> logits (n, classes) and the vectors that the head reads
    (n, width), both float32 on the CPU. Pictures of equal shape share a forward pass."""
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for place, one in enumerate(pixels):
        by_shape.setdefault(one.shape, []).append(place)
    order = [place for places in by_shape.values() for place in places]
    passes = [_forward(model, np.stack([pixels[place] for place in places])) for places in by_shape.values()]
    back = torch.tensor(order).argsort()
    logits, pooled = (torch.cat(parts)[back] for parts in zip(*passes, strict=True))
    return logits, pooled


def _forward(model: VisionTransformer, pixels: np.ndarray) -> tuple[Tensor, Tensor]:
    weight = next(model.parameters())
    device = weight.device
    images = normalise(pixels, model.transform, device).to(weight.dtype)
    with autocast(device):
        tokens = model.encode(model.embed(images))
        logits, pooled = model.classify(tokens), model.pooled(tokens)
    return cast(Tensor, logits).float().cpu(), pooled.float().cpu()


def normalise(pixels: np.ndarray, transform: Preprocess, device: torch.device) -> Tensor:
    """uint8 (n, height, width, channels) to the model's input, float32 (n, channels, height, width) on `device`.

    The arithmetic is `Preprocess`'s own, so the numbers are the same to the bit.
    """
    mean, std = (
        torch.tensor(v, dtype=torch.float32, device=device).view(-1, 1, 1) for v in (transform.mean, transform.std)
    )
    images = torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2).float().div(255)  # n channels height width
    return ((images - mean) / std).contiguous()


def batch_rows(
    dataset: ImageDataset,
    batch: range,
    target: np.ndarray,
    facts: list[PictureFacts],
    logits: Tensor,
    pooled: Tensor,
    problem_type: str = "single_label",
) -> list[dict]:
    """The rows of one batch. `target`: the model's class for each class of the dataset, -1 where it has none.

    A binary head's one logit becomes two classes (see `models.predictions`). In the rows of a multi-label model,
    `label` is the prediction if the picture has that label, else the picture's first label; loss and entropy are means
    over the classes' own yes-or-no questions, and the margin is the distance of the best probability from 0.5.
    """
    several = problem_type == "multi_label"
    logits = class_logits(logits, problem_type)
    log_p = log_scores(logits.double(), "multi_label" if several else "single_label")
    p = log_p.exp()
    if several:
        log_q = torch.nn.functional.logsigmoid(-logits.double())
        entropy = -(p * log_p + log_q.exp() * log_q).mean(-1) / np.log(2)
    else:
        entropy = -(p * log_p).sum(-1) / np.log(2)
    top = logits.topk(min(TOP_CLASSES, logits.shape[1])).indices
    top_p = p.gather(1, top)
    finite = (logits.isfinite().all(1) & pooled.isfinite().all(1)).tolist()
    rows = []
    for i, index in enumerate(batch):
        source_label = int(dataset.labels[index])
        label, error = int(target[source_label]) if source_label >= 0 else -1, facts[i].error
        if several:
            found = sorted({int(target[c]) for c in dataset.labels_of(index)} - {-1})
            best = int(top[i, 0])
            label = best if best in found else label if label >= 0 else found[0] if found else -1
        row: dict = dict(
            path=storable(dataset.names[index]),
            size=facts[i].size,
            mtime_ns=facts[i].mtime_ns,
            hash=facts[i].hash,
            source_label=source_label,
            label=label,
        )
        if several:
            row["labels"] = found
        if error is None and not finite[i]:
            sentence = "The model's numbers for this picture are not finite."
            error = InputError("evaluate-not-finite", sentence).to_json()
        if error is None:
            first, second = top_p[i, 0].item(), top_p[i, 1].item() if top.shape[1] > 1 else 0.0
            row |= dict(
                predicted=top[i, 0].item(),
                probability=first,
                top=top[i].numpy(),
                top_p=top_p[i].numpy(),
                entropy=entropy[i].item(),
                margin=first - second,
                embedding=pooled[i].numpy(),
            )
            if label >= 0:
                row |= dict(p_label=p[i, label].item(), loss=-log_p[i, label].item())
            if several:
                row |= dict(margin=abs(first - THRESHOLD), scores=p[i].float().numpy())
                if label >= 0:
                    right = torch.zeros_like(p[i], dtype=torch.bool)
                    right[found] = True
                    row["loss"] = -torch.where(right, log_p[i], log_q[i]).mean().item()
        rows.append(row | {"error": error})
    return rows
