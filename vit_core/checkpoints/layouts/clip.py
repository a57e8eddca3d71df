"""transformers' CLIP (Radford et al. 2021, arXiv:2103.00020) and SigLIP (Zhai et al. 2023, arXiv:2303.15343).

Only the vision model is read. The text model is ignored, so there are classes only if a classifier was trained on top.
"""

from __future__ import annotations

from torch import Tensor

from vit_core.checkpoints.layouts.keys import KeyTable, Translated, rename, translate

KEYS = KeyTable(
    block="encoder.layers.{}.",
    tokens=("embeddings.class_embedding", None, None),
    outside=(
        ("patch_embed", ("embeddings.patch_embedding",)),
        ("positions", ("embeddings.position_embedding.weight",)),
        ("embed_norm", ("pre_layrnorm",)),  # transformers' spelling
        ("norm", ("post_layernorm",)),
        ("attention_pool.latent", ("head.probe",)),
        ("attention_pool.q", ("head.attention.q",)),
        ("attention_pool.kv", ("head.attention.kv",)),
        ("attention_pool.proj", ("head.attention.out_proj",)),
        ("attention_pool.norm", ("head.layernorm",)),
        ("attention_pool.fc1", ("head.mlp.fc1",)),
        ("attention_pool.fc2", ("head.mlp.fc2",)),
        ("head", ("classifier",)),
    ),
    inside=(
        ("norm1", ("layer_norm1",)),
        ("attn.qkv", ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")),
        ("attn.proj", ("self_attn.out_proj",)),
        ("norm2", ("layer_norm2",)),
        ("mlp.fc1", ("mlp.fc1",)),
        ("mlp.fc2", ("mlp.fc2",)),
    ),
    ignored=("visual_projection", "text_projection", "logit_scale", "logit_bias", "embeddings.position_ids"),
)

#: model_type -> transformers' defaults of settings that a config leaves out.
_CLIP = {"patch_size": 32, "layer_norm_eps": 1e-5, "hidden_act": "quick_gelu"}
_SIGLIP = {"patch_size": 16, "layer_norm_eps": 1e-6, "hidden_act": "gelu_pytorch_tanh"}
FAMILIES = {"clip": _CLIP, "clip_vision_model": _CLIP, "siglip": _SIGLIP, "siglip_vision_model": _SIGLIP}


def vision_config(config: dict) -> dict:
    """The settings of the vision model in a config.json, which is of both models or of the vision model alone."""
    family = config["model_type"]
    stated = (
        config if family.endswith("_vision_model") else config.get("vision_config_dict") or config.get("vision_config")
    )  # the older name wins, as in transformers
    return {**FAMILIES[family], **(stated if isinstance(stated, dict) else {}), "model_type": family}


def translate_clip(state: dict[str, Tensor], source: str) -> tuple[Translated, dict]:
    """transformers' state by our names, and the config fields that its family implies."""
    state = rename({n: t for n, t in state.items() if not n.startswith("text_model.")}, r"^vision_model\.", "", source)
    for part in ("weight", "bias"):
        joined = state.get(f"head.attention.in_proj_{part}")
        if joined is not None and joined.ndim and len(joined) % 3 == 0:
            del state[f"head.attention.in_proj_{part}"]
            query, rest = joined.tensor_split([len(joined) // 3])
            state |= {f"head.attention.q.{part}": query, f"head.attention.kv.{part}": rest}
    flat = {"embeddings.class_embedding": 1, "embeddings.position_embedding.weight": 2}
    state |= {
        n: state[n].reshape(1, *(1,) * (2 - axes), *state[n].shape)
        for n, axes in flat.items()
        if n in state and state[n].ndim == axes
    }
    is_clip, classified = "embeddings.class_embedding" in state, "classifier.weight" in state
    if classified:  # it reads the mean of the patches; the tensors of the other pooling are there but unused
        state = {n: t for n, t in state.items() if not n.startswith("post_layernorm." if is_clip else "head.")}
    facts = {
        "norm": "layer",
        "norm_eps": 1e-5 if is_clip else 1e-6,
        "embed_norm": is_clip,
        "patch_bias": not is_clip,
        "final_norm": not (is_clip and classified),
        "qkv_bias": True,
        "proj_bias": True,
        "mlp_bias": True,
        "position_resize": "bicubic",
        "activation": "quick_gelu" if is_clip else "gelu_tanh",
        "pool": "avg" if classified else "token" if is_clip else "map" if "head.probe" in state else "avg",
    }
    return translate(KEYS, state, source), facts
