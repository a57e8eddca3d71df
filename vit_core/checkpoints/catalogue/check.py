"""Compares the table of curated models with what the hub says of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from vit_core.checkpoints import huggingface, timm_import
from vit_core.checkpoints.catalogue.curated import CURATED, Curated
from vit_core.checkpoints.files import hub as hub_files
from vit_core.checkpoints.files import start_probe
from vit_core.errors import InputError

TOLERANCE = 0.05  # of the size


@dataclass
class Checked:
    """What the hub says of a curated model, and how it differs from the table (empty: not at all)."""

    model: Curated
    megabytes: float | None = None  # of the file that `load` reads
    licence: str | None = None
    gated: bool = False
    differences: list[str] = field(default_factory=list)


def check_curated(models: tuple[Curated, ...] = CURATED) -> list[Checked]:
    """What the hub says of each model. Asks the hub once for each; downloads nothing.

    Raises InputError "hub-offline", "hub-unreachable" or "hub-missing".
    """
    hub = hub_files.import_hub()
    why = "HF_HUB_OFFLINE=1" if hub.constants.HF_HUB_OFFLINE else start_probe()()
    if why:
        raise InputError(
            "hub-offline",
            f"The Hugging Face hub cannot be reached ({why}), and the check needs it. Check the network and try again.",
            reason=why,
        )
    checked = []
    for model in models:
        try:
            with hub_files.refusals(model.name, model.repo, []):
                facts = hub.HfApi().model_info(model.repo, files_metadata=True, timeout=30)
        except InputError as error:
            if error.code == "hub-unreachable":
                raise
            checked.append(Checked(model, differences=["not found"]))
        else:
            checked.append(_compare(model, facts))
    return checked


def _compare(model: Curated, facts) -> Checked:
    """`facts` is huggingface_hub's ModelInfo."""
    sizes = {file.rfilename: file.size for file in facts.siblings or []}
    is_timm = model.name.startswith("timm:")
    weights = next((n for n in (timm_import if is_timm else huggingface).WEIGHT_FILES if n in sizes), None)
    found = Checked(model, licence=_licence(facts), gated=bool(facts.gated))
    if weights is None:
        found.differences.append("no weights")
    elif sizes[weights]:
        megabytes = sizes[weights] / 1e6
        found.megabytes = megabytes
        if abs(megabytes - model.megabytes) > TOLERANCE * model.megabytes:
            found.differences.append(f"{megabytes:.1f} MB, not {model.megabytes:.1f} MB")
    if not is_timm and "config.json" not in sizes:
        found.differences.append("no config.json")
    if found.licence not in (None, model.licence):
        found.differences.append(f"licence {found.licence}, not {model.licence}")
    if found.gated != model.gated:
        found.differences.append("gated" if found.gated else "not gated")
    return found


def _licence(facts) -> str | None:
    """The licence that a model's card states: `license`, or `license_name` of another one."""
    card = facts.card_data
    stated = card.get("license") if card else None
    if stated == "other":
        stated = card.get("license_name") or stated
    return stated if isinstance(stated, str) else None
