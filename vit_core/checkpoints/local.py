"""`file:<path>`: a checkpoint file by itself, its architecture read from its tensors' names and shapes.

What shapes do not tell is taken as published: heads 64 wide (see `_keys.py`), the class token read where there is one
and no norm of what was pooled, else the patches' mean, a square grid, layers with their norms first and GELU, mean and
deviation 0.5, and the model's `assumed` says so; the source's norm epsilon. A config.json beside the file,
transformers' or timm's, says it better and is believed, and so is what `vc.save` wrote into it.
"""

from __future__ import annotations

import os.path
from pathlib import Path

from vit_core.checkpoints import clip, dinov3, embedded, huggingface, timm
from vit_core.checkpoints.assemble import assemble, listed
from vit_core.checkpoints.files import reader
from vit_core.checkpoints.keys import Translated, infer
from vit_core.errors import InputError
from vit_core.images import Preprocess
from vit_core.models.config import ViTConfig
from vit_core.models.vit import VisionTransformer


def load(name: str) -> VisionTransformer:
    """The model in a .safetensors, .pth, .pt, .bin, .ckpt or .pth.tar file with timm's, transformers' or our names.

    Labels: `<stem>.labels.txt`, `labels.txt` or `labels.json` beside it, else the config's, else ImageNet's where the
    number of classes is one of ImageNet's. Raises InputError with a "checkpoint-" or "labels-" code.
    """
    path = Path(os.path.expanduser(name))
    if path.suffix.lower() == ".safetensors" and os.path.isfile(path) and embedded.metadata(path) is not None:
        return embedded.load(path)
    source, state = path.name, reader.unwrapped(reader.read(path), path.name)
    config = path.with_name("config.json")
    config = reader.read_json(config, "checkpoint-config") if os.path.isfile(config) else {}
    if isinstance(config, dict) and ("model_type" in config or "architecture" in config):
        beside = path.with_name("preprocessor_config.json")
        settings = reader.read_json(beside, "checkpoint-config") if os.path.isfile(beside) else {}
        head = next(
            (t for n, t in state.items() if n in ("head.weight", "classifier.weight", "cls_classifier.weight")), None
        )
        labels = reader.labels_beside(path, len(head) if head is not None and head.ndim else 0)
        return huggingface.model_of(config, settings, state, source, labels)
    if any(n.startswith("patch_embed.proj.") for n in state):
        weights, implied = timm.translated(state, source), {}
    elif any("embeddings.patch_embeddings.projection." in n for n in state):
        weights, implied = huggingface.translated(state, source)
    elif any("embeddings.patch_embeddings." in n for n in state):
        weights, implied = dinov3.translated(state, source)
    elif any("embeddings.patch_embedding." in n for n in state):
        weights, implied = clip.translated(state, source)
    elif any(n.startswith("patch_embed.") for n in state):
        weights, implied = Translated(state, _prefix(state)), {}
    else:
        raise InputError(
            "checkpoint-architecture",
            f"{source} is not a Vision Transformer this program knows: it has "
            "no patch embedding by timm's name (patch_embed.proj) or transformers' "
            f"(embeddings.patch_embeddings.projection); it has {listed(sorted(state))}.",
            source=source,
            reason="patch_embed.proj = None",
        )
    ours = infer(weights, source, **implied)
    if ours.embed_norm and ours.pool == "map":  # Perception Encoders (arXiv:2504.13181), as timm's Eva has them
        raise InputError(
            "checkpoint-architecture",
            f"{source} cannot be shown: a norm before the layers with a pool "
            "of attention after them is how Perception Encoders are named, which also turn queries and "
            "keys by their position (RoPE); for a Vision Transformer of timm's, save vc.from_timm(module)"
            " with vc.save.",
            source=source,
            reason="norm_pre + attn_pool: RoPE",
        )
    labels = reader.labels_beside(path, ours.classes) or _imagenet(ours.classes)
    grey = (0.5,) * ours.channels
    return assemble(
        ours,
        weights.state,
        source,
        labels,
        Preprocess(ours.image_size, grey, grey),
        spell=weights.spell,
        assumed=_assumed(ours, implied),
    )


def _assumed(ours: ViTConfig, implied: dict) -> tuple[str, ...]:
    """What neither names nor shapes told of a bare file; `implied`: what its names' family has always."""
    pool_told = "pool" in implied or not ours.classes or ours.distillation_head
    told = {
        "heads": ours.qk_norm,  # the norm is as wide as a head
        "pool": pool_told or ours.pool != "token",
        "average": pool_told or ours.pool != "avg",  # or the maximum, or of both
        "grid": ours.position == "none",
        "layers": bool(implied) and ours.mlp == "glu",  # transformers' gate is always SiLU
        "preprocess": False,
    }
    return tuple(fact for fact, known in told.items() if not known)


def _imagenet(classes: int) -> list[str] | None:
    try:
        return timm.imagenet_labels(classes)
    except InputError:  # no timm: the model works without its class names
        return None


def _prefix(state: dict) -> dict:
    """Which prefix tokens our own names imply: as many as there are, the first the class token."""
    tokens = state.get("prefix_tokens")
    count = tokens.shape[1] if tokens is not None and tokens.ndim == 3 else 0
    distilled = any(n.startswith("distillation_head.") for n in state)
    return {"class_token": count > 0, "distillation_token": distilled, "registers": max(0, count - 1 - distilled)}
