"""Trains the embedded models: `python -m vit_core train --recipe tiny --data ...`.

It uses what helps a small ViT on little data: mimetic initialisation (Trockman & Kolter 2023,
arXiv:2305.09828) with sinusoidal positions, Muon for the matrices (Jordan et al. 2024), patch dropout (Liu et
al. 2022, arXiv:2208.07220) except in the last epochs, distillation from a small CNN (Hinton et al. 2015,
arXiv:1503.02531), for `tiny` through a distillation token (Touvron et al. 2021, arXiv:2012.12877), CutMix
(Yun et al. 2019, arXiv:1905.04899) and averaged weights. The test set is read once, for the final accuracy.

Every random draw depends on (seed, step) only, so a killed run continues from its last checkpoint to exactly
the same weights, on the same machine with the same number of threads.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import platform
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from vit_core.checkpoints import embedded
from vit_core.data import arrays
from vit_core.images import Preprocess
from vit_core.models.cnn import ConvNet
from vit_core.models.config import ViTConfig
from vit_core.models.vit import VisionTransformer
from vit_core.training.checkpoint import load_checkpoint, save_checkpoint
from vit_core.training.initialise import mimetic, resample
from vit_core.training.recipes import LABELS_KO, RECIPES, Recipe

HELD_OUT_PICTURES = 2_000  # of the training set, to watch progress


@dataclass
class ProgressPrinter:
    """Prints step, loss, pictures a second and minutes left, every few seconds."""

    total: int
    begun: float = field(default_factory=time.monotonic)
    first: int | None = None
    printed: float = 0.0

    def show(self, step: int, batch: int, losses: list[float], every: float = 15.0) -> None:
        self.first = step if self.first is None else self.first
        now = time.monotonic()
        if now - self.printed < every or step == self.first:
            return
        self.printed, rate = now, (step - self.first) / (now - self.begun)
        print(
            f"step {step}/{self.total}  loss {np.mean(losses[-100:]):.3f}  {rate * batch:.0f} img/s  "
            f"{(self.total - step) / rate / 60:.1f} min left",
            flush=True,
        )


def augment(images: Tensor, recipe: Recipe, draw: torch.Generator) -> Tensor:
    """A uint8 batch (B, C, H, W), randomly shifted (with reflected edges) and mirrored; float32."""
    B, C, H, W = images.shape
    pad = recipe.crop_pad
    padded = F.pad(images.float(), (pad,) * 4, mode="reflect")
    top, left = torch.randint(0, 2 * pad + 1, (2, B, 1), generator=draw)
    rows = (top + torch.arange(H))[:, None, :, None]  # B, 1, H, 1
    cols = (left + torch.arange(W))[:, None, None, :]  # B, 1, 1, W
    out = padded[torch.arange(B)[:, None, None, None], torch.arange(C)[None, :, None, None], rows, cols]
    if recipe.flip:
        mirrored = torch.rand(B, generator=draw) < 0.5
        out[mirrored] = out[mirrored].flip(-1)
    return out


def cutmix(images: Tensor, targets: Tensor, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """Replaces a rectangle of each picture by another picture's and mixes the targets (B, classes) by area."""
    B, C, H, W = images.shape
    other = torch.randperm(B, generator=draw)
    side = (1 - torch.rand((), generator=draw)).sqrt()
    h, w = max(1, int(side * H)), max(1, int(side * W))
    top = int(torch.randint(0, H - h + 1, (), generator=draw))
    left = int(torch.randint(0, W - w + 1, (), generator=draw))
    images = images.clone()
    images[:, :, top : top + h, left : left + w] = images[other, :, top : top + h, left : left + w]
    share = h * w / (H * W)
    return images, (1 - share) * targets + share * targets[other]


class TrainingRun:
    """One training run of a recipe: advanced step by step, saved and resumed."""

    def __init__(self, name: str, recipe: Recipe, data: str | None, out: Path, device: str, limit: int | None = None):
        self.name, self.recipe, self.out, self.device = name, recipe, out, torch.device(device)
        read = {"cifar10": arrays.cifar10, "fashion": arrays.fashion_mnist}[recipe.data]
        train, self.test, self.labels = read(data)
        order = np.random.default_rng(0).permutation(len(train.images))[:limit]  # the same split for every seed
        held, kept = order[:HELD_OUT_PICTURES], order[HELD_OUT_PICTURES:]
        self.images, self.classes = torch.from_numpy(train.images[kept]), torch.from_numpy(train.labels[kept])
        self.held = arrays.ArrayDataset(train.images[held], train.labels[held])
        self.mean, self.std = (torch.tensor(v).view(-1, 1, 1) * 255 for v in (recipe.mean, recipe.std))

        self.model: Any  # a VisionTransformer, or a ConvNet
        self.teacher: Any
        self.optimizers: list[torch.optim.Optimizer]
        torch.manual_seed(recipe.seed)
        self.is_vit = "patch_size" in recipe.arch
        if self.is_vit:
            config = ViTConfig(**recipe.arch)
            transform = Preprocess(config.image_size, recipe.mean, recipe.std, "bicubic", crop_pct=1.0)
            self.model = VisionTransformer(config, self.labels, transform)
            if recipe.start:
                resample(embedded.load_saved(out.with_name(f"{recipe.start}.safetensors")), self.model)
            else:
                mimetic(self.model, torch.Generator().manual_seed(recipe.seed))
        else:
            self.model = ConvNet(self.images.shape[1], len(self.labels), **recipe.arch)
        self.model.to(self.device, memory_format=torch.channels_last)
        self.average = {k: v.clone() for k, v in self.model.state_dict().items()}
        matrices, others = [], []
        for name, parameter in self.model.named_parameters():
            (matrices if name.startswith("blocks.") and parameter.ndim == 2 else others).append(parameter)
        self.optimizers = [torch.optim.AdamW(others, lr=recipe.other_lr, weight_decay=recipe.weight_decay, fused=True)]
        if matrices:
            self.optimizers.append(
                torch.optim.Muon(
                    matrices, lr=recipe.matrix_lr, weight_decay=recipe.weight_decay, adjust_lr_fn="match_rms_adamw"
                )
            )
        self.per_epoch = len(self.images) // recipe.batch
        self.steps = round(recipe.epochs * self.per_epoch)
        self.step = 0
        self.seconds = 0.0
        self.teacher = self._teacher() if recipe.teacher else None

    def _teacher(self) -> nn.Module:
        beside = self.out.with_name(f"{self.recipe.teacher}.safetensors")
        path = beside if beside.exists() else embedded.ASSETS / beside.name
        return self._convnet(RECIPES[self.recipe.teacher], path)

    def _convnet(self, recipe: Recipe, path: Path) -> nn.Module:
        model = ConvNet(self.images.shape[1], len(self.labels), **recipe.arch)
        model.load_state_dict(load_file(path))
        return model.eval().to(self.device).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def arithmetic(self):
        """bfloat16; on a CPU also plain attention, since the fused backward pass is slower there."""
        stack = contextlib.ExitStack()
        stack.enter_context(torch.autocast(self.device.type, torch.bfloat16))
        if self.device.type == "cpu":
            stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        return stack

    def normalise(self, images: Tensor) -> Tensor:
        return ((images - self.mean) / self.std).to(self.device, memory_format=torch.channels_last)

    def batch(self) -> tuple[Tensor, Tensor, torch.Generator]:
        """This step's pictures, soft targets and generator, which depend on (seed, step) only."""
        r, (epoch, i) = self.recipe, divmod(self.step, self.per_epoch)
        order = torch.randperm(len(self.images), generator=torch.Generator().manual_seed(r.seed * 1_000_003 + epoch))
        chosen = order[i * r.batch : (i + 1) * r.batch]
        draw = torch.Generator().manual_seed(r.seed * 1_000_003 + 500_009 * (self.step + 1))
        images = augment(self.images[chosen], r, draw)
        targets = F.one_hot(self.classes[chosen], len(self.labels)).float()
        if torch.rand((), generator=draw) < r.cutmix:
            images, targets = cutmix(images, targets, draw)
        return self.normalise(images), targets.to(self.device), draw

    def loss(self, images: Tensor, targets: Tensor, draw: torch.Generator) -> Tensor:
        """Cross-entropy; with a teacher, its mean with the cross-entropy against the teacher's probabilities.

        Those are compared with the distillation head's answer, or if the model has none, with the head's.
        """
        r = self.recipe
        smooth = targets * (1 - r.smoothing) + r.smoothing / targets.shape[1]
        if not self.is_vit:
            return F.cross_entropy(self.model(images).float(), smooth)
        tokens = self.model.embed(images)
        prefix, N = self.model.config.num_prefix_tokens, tokens.shape[1]
        if r.keep < 1 and self.step < self.steps - r.full_epochs * self.per_epoch:
            kept = torch.rand(len(tokens), N - prefix, generator=draw).argsort(1)[:, : round(r.keep * (N - prefix))]
            index = torch.cat([torch.arange(prefix).expand(len(tokens), -1), kept + prefix], 1).to(self.device)
            tokens = tokens.gather(1, index[..., None].expand(-1, -1, tokens.shape[-1]))
        tokens = self.model.encode(tokens)
        scores = self.model.head(self.model.pooled(tokens)).float()
        loss = F.cross_entropy(scores, smooth)
        if self.teacher is None:
            return loss
        with torch.no_grad():
            answer = self.teacher(images).float().softmax(-1)
        if self.model.distillation_head is not None:
            scores = self.model.distillation_head(tokens[:, 1]).float()
        return 0.5 * loss + 0.5 * F.cross_entropy(scores, answer)

    def advance(self) -> float:
        """Take one optimiser step. Returns the loss."""
        r, at = self.recipe, self.step / self.steps
        rate = at / r.warmup if at < r.warmup else 0.5 * (1 + math.cos(math.pi * (at - r.warmup) / (1 - r.warmup)))
        peaks = (r.other_lr, r.matrix_lr)[: len(self.optimizers)]  # a CNN has no Muon
        for optimizer, peak in zip(self.optimizers, peaks, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = peak * max(rate, 1e-3)
        self.model.train()
        with self.arithmetic():
            loss = self.loss(*self.batch())
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.step += 1
        decay = min(r.average, self.step / (self.step + 10))
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                if value.is_floating_point():
                    self.average[name].lerp_(value, 1 - decay)
                else:
                    self.average[name].copy_(value)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise FloatingPointError(f"the loss is {value} at step {self.step}; lower the learning rate")
        return value

    @torch.no_grad()
    def answers(self, model: nn.Module, part: arrays.ArrayDataset, batch: int = 500) -> np.ndarray:
        """The class that `model` predicts for each picture of `part`, computed in float32: (N,)."""
        batches = torch.from_numpy(part.images).split(batch)
        return torch.cat([model(self.normalise(images.float())).argmax(1).cpu() for images in batches]).numpy()

    def accuracy(self, part: arrays.ArrayDataset) -> float:
        """Accuracy of the averaged weights on `part`."""
        return float((self.answers(self.averaged(), part) == part.labels).mean())

    def check(self) -> dict:
        """Accuracy of the finished weights on the test set, by class, and the most confused classes."""
        if self.is_vit:
            model = embedded.load_saved(self.out).to(self.device)
        else:
            model = self._convnet(self.recipe, self.out)
        answers, classes = self.answers(model, self.test), self.test.labels
        pairs, counts = np.unique(np.stack([classes, answers])[:, answers != classes], axis=1, return_counts=True)
        worst = [
            {"is": self.labels[a], "predicted": self.labels[b], "count": int(counts[i])}
            for i in np.argsort(-counts)[:6]
            for a, b in [pairs[:, i]]
        ]
        by_class = {label: float((answers[classes == i] == i).mean()) for i, label in enumerate(self.labels)}
        return {
            "test pictures": len(classes),
            "test accuracy": float((answers == classes).mean()),
            "by class": by_class,
            "most confused": worst,
        }

    def averaged(self) -> Any:
        """A copy of the model with the averaged weights."""
        if self.is_vit:
            model = VisionTransformer(self.model.config, self.labels, self.model.transform)
        else:
            model = ConvNet(self.images.shape[1], len(self.labels), **self.recipe.arch)
        model.load_state_dict(self.average)
        return model.eval().to(self.device)

    def save(self) -> None:
        """Write the checkpoint."""
        save_checkpoint(self)

    def resume(self) -> bool:
        """Load the checkpoint, if there is one. Raises ValueError if another recipe made it."""
        return load_checkpoint(self)

    def finish(self) -> dict:
        """Write the weights with their card, which holds the test accuracy. Returns the card."""
        card = {
            "recipe": self.name,
            **dataclasses.asdict(self.recipe),
            "labels_ko": [LABELS_KO[label] for label in self.labels],
            "pictures trained on": len(self.images),
            "test pictures": len(self.test.images),
            "test accuracy": self.accuracy(self.test),
            "held-out accuracy": self.accuracy(self.held),
            "hours": round(self.seconds / 3600, 2),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "hardware": torch.cuda.get_device_name() if self.device.type == "cuda" else f"{platform.machine()} CPU",
        }
        if self.is_vit:
            embedded.save(self.averaged(), self.out, card)
        else:
            save_file(
                {k: v.cpu().contiguous() for k, v in self.average.items()},
                self.out,
                {"vitrine": json.dumps({"card": card, "labels": self.labels})},
            )
        return card


def train(run: Any, save_every: float = 60.0, stop_at: int | None = None) -> None:
    """Advance `run` to its end, or to step `stop_at`, with progress, checkpoints and held-out accuracy.

    run: a TrainingRun or a `photo.PhotoRun`.
    """
    losses: list[float] = []
    progress, saved, last = ProgressPrinter(run.steps), time.monotonic(), time.monotonic()
    while run.step < (run.steps if stop_at is None else stop_at):
        losses.append(run.advance())
        now = time.monotonic()
        run.seconds, last = run.seconds + now - last, now
        progress.show(run.step, run.recipe.batch, losses)
        if run.step % (2 * run.per_epoch) == 0:
            share = run.accuracy(run.held)
            print(f"epoch {run.step // run.per_epoch}: {share:.2%} of the held-out pictures", flush=True)
        if now - saved > save_every:
            run.save()
            saved = now
    run.save()


def train_recipe(
    name: str,
    data: str | None,
    out: Path | None,
    device: str | None,
    threads: int | None = None,
    save_every: float = 60.0,
    limit: int | None = None,
    check: bool = False,
) -> int:
    """`python -m vit_core train`: train a recipe from the start or its last checkpoint and write the weights.

    With `check`, only test the weights in `out`.
    """
    if threads:
        torch.set_num_threads(threads)
    recipe = RECIPES[name]
    if check:  # needs no other recipe's weights
        recipe = dataclasses.replace(recipe, start="", teacher="")
    out = out or embedded.ASSETS / f"{name}.safetensors"
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    run = TrainingRun(name, recipe, data, out, device, limit)
    if check:
        print(json.dumps(run.check(), indent=1, ensure_ascii=False))
        return 0
    resumed = run.resume()
    parameters = sum(p.numel() for p in run.model.parameters())
    print(
        f"{name}: {parameters / 1e6:.2f} M parameters, {run.steps} steps of {recipe.batch}, "
        f"{'resumed at' if resumed else 'from'} step {run.step}",
        flush=True,
    )
    train(run, save_every)
    print(json.dumps(run.finish(), indent=1), flush=True)
    out.with_suffix(".checkpoint").unlink()
    return 0
