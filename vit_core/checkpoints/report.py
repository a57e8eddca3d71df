"""What a loader tells about the model that it read: which file gave which fact, and what it assumed or left out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from vit_core.checkpoints.errors import join_names
from vit_core.models.vit import VisionTransformer

#: The facts that a model needs, in the order in which they are told.
FACTS = ("architecture", "weights", "head", "labels", "preprocessing")
#: Origins of facts that are no file or setting; translations need them all. "{}" stands for a name.
TENSORS = "names and shapes of the tensors"
DEFAULTS = "defaults of {}"
IMAGENET = "timm's list of ImageNet's classes"
MODULE = "timm's module"
LACKING_NUMBERS, OTHER_COUNT, NO_NAMES = (
    f"none: {reason}" for reason in ("{} lacks the numbers {}", "{} names {} classes, not {}", "{} has no names")
)
PHRASES = (TENSORS, DEFAULTS, IMAGENET, MODULE, LACKING_NUMBERS, OTHER_COUNT, NO_NAMES)


@dataclass
class LoadReport:
    """How a checkpoint was read. A loader fills it in on the way; the model keeps it as `model.report`.

    `origins`: for each of FACTS, the file or the setting that gave it, or one of PHRASES. `assumed`: facts that nothing
    states and that got a default; `model.assumed` is the same. `ignored`: names of tensors that are no part of the
    Vision Transformer. `unwrapped`: what was taken off the tensors' names, such as "module." of DataParallel. `others`:
    further sets of weights in the same file, which "file:<path>#<name>" loads.
    """

    origins: dict[str, str] = field(default_factory=dict)
    assumed: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    unwrapped: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    def ignored_modules(self) -> str:
        """The modules whose tensors were passed over, with the number of these: "criterion (1), val_acc (2)"."""
        counts = Counter(name.partition(".")[0] for name in self.ignored)
        return ", ".join(f"{module} ({count})" for module, count in sorted(counts.items()))


#: Setting missing from a checkpoint (`model.assumed`) -> its name, and the default that replaces it.
_ASSUMED = {
    "heads": ("heads", "heads {width} wide"),
    "pool": ("pooling", "class token"),
    "average": ("pooling", "mean of the patches"),
    "grid": ("grid", "square"),
    "layers": ("layers", "norms first, {activation}"),
    "preprocess": ("preprocessing", "{fit}, mean {mean}, deviation {std}"),
    "labels": ("class names", "ImageNet's class names"),
    "problem_type": ("problem type", "sigmoid of the one logit (change: --problem-type)"),
}
#: How pictures get the size of the model input, by the `fit` of its `Preprocess`.
_FITS = {
    "center": "pictures resized to cover {resized} pixels and cropped to {size}",
    "exact": "pictures stretched to {size} pixels",
    "squash": "pictures stretched to {resized} pixels and cropped to {size}",
    "border": "pictures resized to fit into {resized} pixels and cropped or padded to {size}",
}


def setting_name(fact: str) -> str:
    """The name of a setting in `model.assumed`."""
    return _ASSUMED[fact][0]


def assumed_defaults(model: VisionTransformer) -> list[str]:
    """What was assumed for each setting in `model.assumed`."""
    values = {"width": model.config.head_dim, "activation": model.config.activation, "fit": _fit(model)}
    return [_ASSUMED[fact][1].format(**values, **model.transform.facts()) for fact in model.assumed]


def _fit(model: VisionTransformer) -> str:
    return _FITS[model.transform.fit].format(**model.transform.facts())


def describe(model: VisionTransformer) -> list[tuple[str, str]]:
    """(fact, text) for each of FACTS and for what else the model's report tells, in English."""
    config, transform, report = model.config, model.transform, model.report or LoadReport()
    (rows, cols), (height, width), labels = config.grid, config.patch_size, model.labels
    layers = f"{config.depth} layers x {config.heads} heads, width {config.dim}"
    facts = {
        "architecture": f"{layers}, {rows} x {cols} patches of {height} x {width} pixels",
        "weights": "",
        "head": f"{config.problem_type}, {config.classes} outputs" if config.classes else "none",
        "labels": join_names(labels) if labels else "none",
        "preprocessing": "none",
    }
    if transform:
        values = "mean {mean}, deviation {std}".format(**transform.facts())
        facts["preprocessing"] = f"{_fit(model)}, {transform.interpolation}, {values}"
    told = [(fact, " · from ".join(filter(None, (text, report.origins.get(fact))))) for fact, text in facts.items()]
    others = {
        "assumed": "; ".join(assumed_defaults(model)),
        "other weights": ", ".join(f"#{name}" for name in report.others),
        "unwrapped": ", ".join(report.unwrapped),
        "passed over": report.ignored_modules(),
    }
    return told + [(fact, text) for fact, text in others.items() if text]
