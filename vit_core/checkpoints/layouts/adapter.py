"""PEFT's LoRA adapters (Hu et al. 2021, arXiv:2106.09685), merged into the weights of their base model."""

from __future__ import annotations

import math
import re

import torch
from torch import Tensor

from vit_core.checkpoints.errors import join_names, shorten
from vit_core.errors import InputError

#: Spelling in the hub's files -> that of the modules of transformers 5. An adapter and its base may have either.
_SPELLINGS = (
    (r"^(base_model\.model\.)?((vit|deit|dinov2|dinov2_with_registers|ijepa|vision_model|model|backbone)\.)*", ""),
    (r"^(encoder\.)?layers?\.", "layers."),
    (r"attention\.attention\.(q|k|v)(uery|ey|alue)\.", r"attention.\1_proj."),
    (r"attention\.output\.dense\.", "attention.o_proj."),
    (r"intermediate\.dense\.", "mlp.fc1."),
    (r"output\.dense\.", "mlp.fc2."),
    (r"\.(base_layer|modules_to_save)(\.default)?\.", "."),
)
_LORA = re.compile(r"(.*)\.lora_(A|B|magnitude_vector)(?:\.default)?(?:\.weight)?")


def adapter_error(source: str, reason: str) -> InputError:
    """The InputError "checkpoint-adapter" for an adapter that cannot be merged."""
    return InputError(
        "checkpoint-adapter",
        f"{source} is an adapter (PEFT) and cannot be merged into its base model: {reason}. Save what "
        "merge_and_unload() returns, and load that.",
        source=source,
        reason=reason,
    )


def merge_adapter(base: dict[str, Tensor], adapter: dict[str, Tensor], config: dict, source: str) -> dict[str, Tensor]:
    """`base` with an adapter applied: W + scale B A, and the tensors that were trained whole in place of the base's.

    base: by transformers' or timm's names; adapter: as PEFT saves it; config: adapter_config.json. With DoRA (Liu et
    al. 2024, arXiv:2402.09353) the rows are scaled to the learned magnitudes. Raises InputError "checkpoint-adapter".
    """
    if config.get("peft_type") != "LORA":
        raise adapter_error(source, f"its type is {shorten(config.get('peft_type'))}, and only LoRA is read")
    place = {_spelling(name): name for name in base}
    merged, pairs = dict(base), {}
    for name, tensor in adapter.items():
        if match := _LORA.fullmatch(name):
            pairs.setdefault(match[1], {})[match[2]] = tensor.float()
        elif "lora_" in name:
            raise adapter_error(source, f"it holds {shorten(name)}, which is not read")
        else:
            short = _spelling(name)
            merged[place.get(short, short)] = tensor
    if lost := [module for module in pairs if _spelling(f"{module}.weight") not in place]:
        raise adapter_error(source, f"the base model has no {join_names(lost)}")
    for module, parts in pairs.items():
        name = place[_spelling(f"{module}.weight")]
        try:
            merged[name] = _merged(merged[name].float(), parts, config, module)
        except (KeyError, RuntimeError, TypeError, ValueError, IndexError) as error:
            raise adapter_error(source, f"{shorten(module)}: {shorten(error)}") from error
    return merged


def _spelling(name: str) -> str:
    for theirs, ours in _SPELLINGS:
        name = re.sub(theirs, ours, name)
    return name


def _merged(weight: Tensor, parts: dict[str, Tensor], config: dict, module: str) -> Tensor:
    first, second = parts["A"], parts["B"]
    rank = len(first)
    alpha = _pattern(config.get("alpha_pattern"), module, config["lora_alpha"])
    scale = alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)
    change = torch.einsum("or,ri->oi", second.flatten(1), first.flatten(1))
    change = scale * (change.T if config.get("fan_in_fan_out") else change).reshape(weight.shape)
    if "magnitude_vector" not in parts:
        return weight + change
    weight = weight + change
    return weight * (parts["magnitude_vector"].flatten() / weight.norm(dim=1))[:, None]


def _pattern(patterns: object, module: str, default: float) -> float:
    """The value of the first pattern that is the end of a module's name, as PEFT chooses it."""
    for ending, value in patterns.items() if isinstance(patterns, dict) else ():
        if re.fullmatch(rf"(.*\.)?({ending})", module):
            return value
    return default
