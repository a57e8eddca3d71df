"""Checkpoints of training runs: what a run needs to go on after a kill."""

from __future__ import annotations

import dataclasses
import json
import os
from typing import Any

import torch


def save_checkpoint(run: Any) -> None:
    """Write the checkpoint of a run beside `run.out`. A kill leaves the old file or the new one, nothing in between.

    run: a TrainingRun or a PhotoRun.
    """
    state = {
        "step": run.step,
        "seconds": run.seconds,
        "recipe": json.dumps(dataclasses.asdict(run.recipe)),
        "model": run.model.state_dict(),
        "average": run.average,
        "optimizers": [optimizer.state_dict() for optimizer in run.optimizers],
    }
    part = run.out.with_suffix(".part")
    torch.save(state, part)
    os.replace(part, run.out.with_suffix(".checkpoint"))


def load_checkpoint(run: Any) -> bool:
    """Load the checkpoint of a run, if there is one. Raises ValueError if another recipe made it."""
    path = run.out.with_suffix(".checkpoint")
    if not path.exists():
        return False
    state = torch.load(path, map_location=next(run.model.parameters()).device, weights_only=True)
    if state["recipe"] != json.dumps(dataclasses.asdict(run.recipe)):
        raise ValueError(f"{path} was made by another recipe; move it away or choose another --out")
    run.step, run.seconds, run.average = state["step"], state["seconds"], state["average"]
    run.model.load_state_dict(state["model"])
    for optimizer, saved in zip(run.optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    return True
