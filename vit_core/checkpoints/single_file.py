"""`file:<path>`: a single checkpoint file, whose architecture is read from its tensors' names and shapes.

What shapes do not show gets a default, which the model's `assumed` names: heads 64 wide (see `layouts/keys.py`), the
class token as the pool (the patches' mean if there is none, or if a norm of the pooled token follows), a square grid,
pre-norm layers with GELU, the preprocessing of the family that the names suggest (see `processors.py`); the norm's
epsilon is its source's. A config.json of transformers or timm beside the file overrides these defaults, and so does
what `vc.save` wrote into the file.
"""

from __future__ import annotations

import os.path
import re
from pathlib import Path

from vit_core.checkpoints import embedded, huggingface
from vit_core.checkpoints.assembly import assemble
from vit_core.checkpoints.errors import refusal
from vit_core.checkpoints.files import check_tensors, find_weights, foreign, read_content, read_json
from vit_core.checkpoints.labels import choose_imagenet_labels, choose_labels, names_inside
from vit_core.checkpoints.layouts import clip, dinov3, meta
from vit_core.checkpoints.layouts.keys import Translated, infer_config
from vit_core.checkpoints.layouts.timm_vit import translate_timm
from vit_core.checkpoints.layouts.transformers_vit import translate_vit
from vit_core.checkpoints.processors import choose_preprocess, guess_family, read_processor
from vit_core.checkpoints.report import TENSORS, LoadReport
from vit_core.models.config import ViTConfig
from vit_core.models.vit import VisionTransformer

_SHARD = re.compile(r"-\d{5}-of-(?!00001\.)\d{5}\.")  # in the names of transformers


def load_file(name: str) -> VisionTransformer:
    """The model in a .safetensors, .pth, .pt, .bin, .ckpt or .pth.tar file with timm's, transformers' or our names.

    Labels come from one of `LABEL_FILES` beside it, else from the file, else from the config, else they are ImageNet's
    if the number of classes is one of ImageNet's. Raises InputError with a "checkpoint-" or "labels-" code.
    """
    path, wanted = _split_name(name)
    if path.suffix.lower() == ".safetensors" and os.path.isfile(path) and embedded.metadata(path) is not None:
        return embedded.load_saved(path)
    report, source = LoadReport(), path.name
    if _SHARD.search(source):
        raise foreign("shard", source)
    content = read_content(path)
    state, names = find_weights(content, source, wanted, report), names_inside(content)
    state = check_tensors(state, source, path.stat().st_size)
    config = path.with_name("config.json")
    config = read_json(config) if os.path.isfile(config) else {}
    processor = read_processor(lambda names: next(filter(os.path.isfile, map(path.with_name, names)), None))
    if isinstance(config, dict) and ("model_type" in config or "architecture" in config):
        return huggingface.build(config, processor, state, source, report, path, names)
    weights, implied = _translate(state, source)
    report.ignored += weights.ignored
    ours = infer_config(weights, source, **implied)
    if ours.embed_norm and ours.pool == "map":  # Perception Encoders (arXiv:2504.13181), as timm's Eva names them
        raise refusal(
            "checkpoint-architecture",
            source,
            "a norm before the layers and attention pooling after them suggest a Perception Encoder, which has rotary "
            "positions (RoPE); to load a Vision Transformer of timm, save vc.from_timm(module) with vc.save",
            "norm_pre + attn_pool: RoPE",
        )
    report.assumed += _assumed(ours, implied)
    report.origins["architecture"] = TENSORS
    family = guess_family(dict.fromkeys(report.ignored, ()) | {n: tuple(t.shape) for n, t in state.items()})
    transform = choose_preprocess(processor, family, ours.image_size, ours.channels, source, report)
    labels = choose_labels(ours, path, [], report, names) or choose_imagenet_labels(ours.classes, report)
    return assemble(ours, weights.state, source, labels, transform, spell=weights.spell, report=report)


def _split_name(name: str) -> tuple[Path, str | None]:
    """The path, and the name of the set of weights in "<path>#<name>"; None without one."""
    path = Path(os.path.expanduser(name))
    before, mark, wanted = name.rpartition("#")
    if mark and wanted and not os.path.isfile(path):
        return Path(os.path.expanduser(before)), wanted
    return path, None


def _translate(state: dict, source: str) -> tuple[Translated, dict]:
    """Weights by our names, and the config fields that the family of their names implies."""
    if any(n.startswith("patch_embed.proj.") for n in state) and meta.is_meta(state):
        return meta.translate_meta(state, source)
    if any(n.startswith("patch_embed.proj.") for n in state):
        return translate_timm(state, source), {}
    if any("embeddings.patch_embeddings.projection." in n for n in state):
        return translate_vit(state, source)
    if any("embeddings.patch_embeddings." in n for n in state):
        return dinov3.translate_dinov3(state, source)
    if any("embeddings.patch_embedding." in n for n in state):
        return clip.translate_clip(state, source)
    return Translated(state, _implied_tokens(state)), {}


def _assumed(ours: ViTConfig, implied: dict) -> list[str]:
    """What neither names nor shapes of a bare file show. `implied`: the fields that its names' family implies."""
    pool_known = "pool" in implied or not ours.classes or ours.distillation_head
    known = {
        "heads": ours.qk_norm,  # the norm is as wide as a head
        "pool": pool_known or ours.pool != "token",
        "average": pool_known or ours.pool != "avg",  # it may be the maximum, or both
        "grid": ours.position == "none",
        "layers": bool(implied) and ours.mlp == "glu",  # transformers' gate is always SiLU
    }
    return [fact for fact, is_known in known.items() if not is_known]


def _implied_tokens(state: dict) -> dict:
    """The prefix tokens that our own names imply: the first is the class token, what is left over are registers."""
    tokens = state.get("prefix_tokens")
    count = tokens.shape[1] if tokens is not None and tokens.ndim == 3 else 0
    distilled = any(n.startswith("distillation_head.") for n in state)
    return {"class_token": count > 0, "distillation_token": distilled, "registers": max(0, count - 1 - distilled)}
