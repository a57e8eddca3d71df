"""The curated models, and what the hub says of them, as lines of text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from vit_core.checkpoints.catalogue.check import Checked
from vit_core.checkpoints.catalogue.curated import CURATED, LICENCES
from vit_core.checkpoints.catalogue.on_disk import needs_download


def curated_table() -> list[str]:
    """Lines: name, size, licence, whether it is on this computer, and what it shows best."""
    rows = [("recommended", "MB", "licence", "on this computer", "shows best")]
    for model in CURATED:
        here = "no" if needs_download(model.name) else "yes"
        if model.gated and here == "no":
            here = "no, gated"
        rows.append((model.name, f"{model.megabytes:.0f}", LICENCES[model.licence], here, model.shows))
    return _aligned(rows)


def checked_table(checked: Sequence[Checked]) -> list[str]:
    """Lines: name, size and licence on the hub, and the differences from the table of curated models."""
    rows = [("name", "MB", "licence", "gated", "differences")]
    for one in checked:
        size = "–" if one.megabytes is None else f"{one.megabytes:.1f}"
        gated = "yes" if one.gated else "no"
        rows.append((one.model.name, size, one.licence or "–", gated, "; ".join(one.differences) or "none"))
    return _aligned(rows)


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
