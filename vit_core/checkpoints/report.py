"""What a loader tells about the model that it read: which file gave which fact, and what it assumed or left out."""

from __future__ import annotations

from dataclasses import dataclass, field

#: The facts that a model needs, in the order in which they are told.
FACTS = ("architecture", "weights", "head", "labels", "preprocessing")


@dataclass
class LoadReport:
    """How a checkpoint was read. A loader fills it in on the way; the model keeps it as `model.report`.

    `origins`: for each of FACTS, the file or the setting that gave it. `assumed`: facts that nothing states and that
    got a default; `model.assumed` is the same. `ignored`: names of tensors that are no part of the Vision Transformer.
    `unwrapped`: what was taken off the tensors' names, such as "module." of DataParallel. `others`: further sets of
    weights in the same file, which "file:<path>#<name>" loads.
    """

    origins: dict[str, str] = field(default_factory=dict)
    assumed: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    unwrapped: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
