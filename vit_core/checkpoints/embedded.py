"""`embedded:<name>`: the models that ship with the product, one safetensors file each under assets/.

The file is self-contained: its metadata holds the config, labels, preprocessing and provenance, so
that another grid or depth is another file and no other code.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from vit_core.checkpoints import _files
from vit_core.checkpoints._assemble import assemble
from vit_core.config import ViTConfig
from vit_core.errors import InputError
from vit_core.images import Preprocess
from vit_core.model import VisionTransformer

ASSETS = Path(__file__).resolve().parents[2] / "assets"


def save(model: VisionTransformer, path: Path, card: dict) -> None:
    """Write `model` with all it needs to be loaded again; `card` is provenance, plain JSON types."""
    metadata = {"config": model.config.to_dict(), "labels": model.labels,
                "preprocess": dataclasses.asdict(model.transform), "card": card}
    save_file({k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()}, path,
              {"vitrine": json.dumps(metadata, ensure_ascii=False)})


def metadata(path: Path) -> dict | None:
    """What `save` wrote beside the weights of `path`; None for a file that holds no Vision Transformer."""
    try:
        with safe_open(path, "pt") as file:
            found = json.loads((file.metadata() or {}).get("vitrine", "{}"))
    except (SafetensorError, OSError, json.JSONDecodeError):
        return None
    return found if isinstance(found, dict) and "config" in found else None


def listing() -> list[tuple[str, str, str]]:
    """(name, title, note) of each embedded model, by name; other files under assets/ are passed over."""
    rows = []
    for path in sorted(ASSETS.glob("*.safetensors")):
        found = metadata(path)
        if found is None:
            continue
        try:
            config, card = ViTConfig(**found["config"]), found.get("card", {})
        except (TypeError, ValueError):  # half written, or for another version
            continue
        shape = (f"{config.depth} layers x {config.heads} heads, {config.grid[0]} x {config.grid[1]} patches, "
                 f"{config.classes} classes")
        rows.append((path.stem, str(card.get("title", path.stem)), str(card.get("note", shape))))
    return rows


def load_named(name: str) -> VisionTransformer:
    """The embedded model called `name`. Raises InputError "model-unknown", naming those there are."""
    names = [row[0] for row in listing()]
    if name not in names:
        raise InputError("model-unknown", f"There is no embedded model called {name!r}; there is "
                         f"{', '.join(names) or 'none in this installation'}.", name=name, available=names)
    return load(ASSETS / f"{name}.safetensors")


def load(path: Path) -> VisionTransformer:
    """The model in `path`, on the CPU, in eval mode, frozen.

    Raises InputError "checkpoint-format" when it was not written by `save`, "checkpoint-config" when what was
    written cannot be built, and what the file reader and `assemble` raise.
    """
    found = metadata(path)
    if found is None:
        raise InputError("checkpoint-format", f"{path.name} is not one of the embedded models: its header holds no "
                         "config.", source=path.name, reason="config = None")
    state = _files.read(path)
    try:
        config = ViTConfig(**found["config"])
        labels = found["labels"]
        preprocess = Preprocess(**{k: tuple(v) if isinstance(v, list) else v for k, v in found["preprocess"].items()})
        if config.depth > len(state):
            raise ValueError(f"{config.depth} layers in {len(state)} tensors")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError("checkpoint-config", f"{path.name}: its header describes no model that can be built: {error}.",
                         source=path.name, reason=str(error)) from error
    return assemble(config, state, path.name, labels, preprocess)
