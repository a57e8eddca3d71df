"""The smallest complete checkpoints, one in each layout that is read; the fuzzer starts from them."""

from __future__ import annotations

import dataclasses
import io
import json
import re
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor

from vit_core.checkpoints import import_timm
from vit_core.images import Preprocess
from vit_core.models.config import ViTConfig
from vit_core.models.vit import VisionTransformer

SMALL = dict(image_size=4, patch_size=2, classes=3, dim=4, depth=1, heads=1, head_dim=4, mlp_dim=8)
LABELS = ["one", "two", "three"]
TIMM = {
    "architecture": "vit_tiny_patch16_224",
    "num_classes": 3,
    "label_names": LABELS,
    "model_args": {"img_size": 4, "patch_size": 2, "embed_dim": 4, "depth": 1, "num_heads": 1, "mlp_ratio": 2},
    "pretrained_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "crop_pct": 0.9},
}
HUGGING_FACE = {
    "model_type": "vit",
    "hidden_size": 4,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "image_size": 4,
    "patch_size": 2,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-6,
    "id2label": dict(enumerate(LABELS)),
}
PREPROCESSOR = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "size": {"height": 4, "width": 4}, "resample": 3}


def torch_file(content: object, **options) -> bytes:
    out = io.BytesIO()
    torch.save(content, out, **options)
    return out.getvalue()


def _ours(**fields) -> tuple[ViTConfig, dict[str, Tensor]]:
    torch.manual_seed(0)
    model = VisionTransformer(ViTConfig(**SMALL | fields))
    return model.config, {n: t.detach().clone() for n, t in model.state_dict().items()}


def _with_config(**fields) -> bytes:
    """A file as `vc.save` writes it."""
    config, state = _ours(**fields)
    grey = (0.5,) * config.channels
    made = dataclasses.asdict(Preprocess(config.image_size, grey, grey))
    return save(
        state,
        {
            "vitrine": json.dumps(
                {"config": config.to_dict(), "labels": LABELS, "preprocess": made, "card": {"title": "small"}}
            )
        },
    )


def _timms(**options) -> dict[str, Tensor]:
    import_timm()
    from timm.models import deit, vision_transformer

    blocks = {n: getattr(vision_transformer, options[n]) for n in ("block_fn",) if n in options}
    kind = deit.VisionTransformerDistilled if options.pop("distilled", False) else vision_transformer.VisionTransformer
    torch.manual_seed(0)
    return kind(
        **dict(img_size=4, patch_size=2, num_classes=3, embed_dim=4, depth=1, num_heads=1, mlp_ratio=2)
        | options
        | blocks
    ).state_dict()


def _hugging_face(named: dict[str, str], **fields) -> dict[str, Tensor]:
    """Our weights by transformers' names. `named` maps patterns of names, after those that all families share."""
    state = _ours(**fields)[1]
    tokens, positions = state.pop("prefix_tokens"), state["positions"]
    if fields.get("registers"):  # the class token has a position and the registers have none
        state["positions"] = torch.cat([torch.zeros(1, 1, 4), positions], dim=1)
    names = ["cls_token"] + ["distillation_token"] * fields.get("distillation_token", False)
    parts = {f"embeddings.{n}": tokens[:, i : i + 1].clone() for i, n in enumerate(names)}
    if fields.get("registers"):
        parts["embeddings.register_tokens"] = tokens[:, len(names) :].clone()
    for name, tensor in state.items():
        name = re.sub(r"^patch_embed\.", "embeddings.patch_embeddings.projection.", name)
        name = re.sub(r"^positions$", "embeddings.position_embeddings", name)
        name = re.sub(r"^norm\.", "layernorm.", re.sub(r"^blocks\.", "encoder.layer.", name))
        for old, new in named.items():
            name = re.sub(old, new, name)
        if "{}" in name:
            parts |= {
                name.format(p): t.clone() for p, t in zip(("query", "key", "value"), tensor.chunk(3), strict=True)
            }
        else:
            parts[name] = tensor
    return parts


_ATTENTION = {r"attn\.qkv": "attention.attention.{}", r"attn\.proj": "attention.output.dense"}
_VIT = _ATTENTION | {
    r"\.norm1": ".layernorm_before",
    r"\.norm2": ".layernorm_after",
    r"mlp\.fc1": "intermediate.dense",
    r"mlp\.fc2": "output.dense",
    r"^head\.": "classifier.",
}
_DINO = _ATTENTION | {r"ls(\d)\.gamma": r"layer_scale\1.lambda1", r"^head\.": "classifier."}
_DINO3 = {
    r"patch_embeddings\.projection": "patch_embeddings",
    r"^encoder\.": "",
    r"^layernorm": "norm",
    r"attn\.qkv": "attention.{}",
    r"attn\.proj": "attention.o_proj",
    r"ls(\d)\.gamma": r"layer_scale\1.lambda1",
    r"mlp\.fc1": "mlp.up_proj",
    r"mlp\.fc2": "mlp.down_proj",
}
_DEIT = _VIT | {r"^head\.": "cls_classifier.", r"^distillation_head\.": "distillation_classifier."}
_MODULES = {
    r"^encoder\.layer\.": "layers.",
    r"attn\.qkv": "attention.{}",
    r"attn\.proj": "attention.o_proj",
    r"\.norm1": ".layernorm_before",
    r"\.norm2": ".layernorm_after",
    r"^head\.": "classifier.",
}
_CLIP = {
    r"patch_embeddings\.projection": "patch_embedding",
    r"position_embeddings": "position_embedding.weight",
    r"^embed_norm": "pre_layrnorm",
    r"^layernorm": "post_layernorm",
    r"encoder\.layer\.": "encoder.layers.",
    r"\.norm(\d)": r".layer_norm\1",
    r"^head\.": "classifier.",
    r"attn\.qkv": "self_attn.{}",
    r"attn\.proj": "self_attn.out_proj",
    r"^attention_pool\.latent": "head.probe",
    r"^attention_pool\.proj": "head.attention.out_proj",
    r"^attention_pool\.norm": "head.layernorm",
    r"^attention_pool\.fc": "head.mlp.fc",
}


def _reads_too(**fields) -> dict[str, Tensor]:
    """The vision model of CLIP or SigLIP, with one tensor of the text model."""
    state = _hugging_face(_CLIP, **fields)
    token = state.pop("embeddings.cls_token")
    if token.numel():
        state["embeddings.class_embedding"] = token[0, 0]
    state["embeddings.position_embedding.weight"] = state["embeddings.position_embedding.weight"][0]
    state = {re.sub(r"\.(q)uery|\.(k)ey|\.(v)alue", r".\1\2\3_proj", n): t for n, t in state.items()}
    for part in ("weight", "bias") if "head.probe" in state else ():
        state[f"head.attention.in_proj_{part}"] = torch.cat(
            [state.pop(f"attention_pool.{n}.{part}") for n in ("q", "kv")]
        )
    return {f"vision_model.{n}" if "classifier" not in n else n: t for n, t in state.items()} | {
        "text_model.final_layer_norm.weight": torch.ones(4),
        "logit_scale": torch.ones(()),
    }


def _dinov3() -> dict[str, Tensor]:
    state = _hugging_face(_DINO3, position="rope", registers=2, layer_scale=True, classes=0)
    del state["embeddings.position_embeddings"]
    return {
        n.replace("query", "q_proj").replace(".key.", ".k_proj.").replace("value", "v_proj"): t
        for n, t in state.items()
        if ".key.bias" not in n
    }


def _metas() -> dict[str, Tensor]:
    """DINOv2 by Meta's names: registers without positions, a block in a chunk."""
    state = _timms(reg_tokens=2, no_embed_class=True, init_values=0.1, num_classes=0)
    state["register_tokens"] = state.pop("reg_token")
    state["pos_embed"] = torch.cat([torch.zeros(1, 1, 4), state["pos_embed"]], dim=1)
    return {re.sub(r"^blocks\.", "blocks.0.", n): t for n, t in state.items()} | {"mask_token": torch.zeros(1, 4)}


def tensors() -> dict[str, dict[str, Tensor]]:
    """{layout: weights that load as a single file}."""
    modules = {
        n.replace("query", "q_proj").replace(".key.", ".k_proj.").replace("value", "v_proj"): t
        for n, t in _hugging_face(_MODULES).items()
    }
    distilled = dict(distillation_token=True, distillation_head=True)
    return {
        "ours, plain": _ours()[1],
        "timm": _timms(),
        "timm, distilled": _timms(distilled=True),
        "timm, registers": _timms(reg_tokens=2, no_embed_class=True),
        "timm, grey": _timms(in_chans=1),
        "timm, no class token": _timms(class_token=False, global_pool="avg"),
        "timm, attention pool": _timms(class_token=False, global_pool="map"),
        "timm, no head": _timms(num_classes=0),
        "timm, layer scale and norms of keys": _timms(init_values=0.1, qk_norm=True),
        "timm, attention beside the MLP": _timms(block_fn="ParallelScalingBlock"),
        "timm, two branches": _timms(block_fn="ParallelThingsBlock"),
        "DINOv2, Meta's names": _metas(),
        "transformers ViT": {f"vit.{n}" if "classifier" not in n else n: t for n, t in _hugging_face(_VIT).items()},
        "transformers 5's modules": modules,
        "DeiT, distilled": _hugging_face(_DEIT, **distilled),
        "DINOv2 with registers": _hugging_face(
            _DINO, registers=2, layer_scale=True, position_prefix=False, pool="token_avg"
        ),
        "CLIP": _reads_too(embed_norm=True, patch_bias=False, final_norm=False, pool="avg"),
        "SigLIP": _reads_too(class_token=False, pool="map", classes=0),
    }


class Whole(NamedTuple):
    """A file that loads, and the JSON of the files beside it. All files of one layout hold the same weights."""

    layout: str
    form: str
    suffix: str
    data: bytes
    beside: dict = {}


def files() -> list[Whole]:
    by_layout = tensors()
    found = [
        Whole(f"ours, {n}", "with its config", ".safetensors", _with_config(**fields))
        for n, fields in {
            "plain": {},
            "grey": {"channels": 1},
            "registers": {"registers": 2},
            "gated": {"mlp": "glu", "activation": "silu", "norm": "rms", "qk_norm": True},
        }.items()
    ]
    found += [Whole(n, "by itself", ".safetensors", save(state)) for n, state in by_layout.items()]
    for name in ("ours, plain", "timm", "transformers ViT"):
        state = by_layout[name]
        wrapped = {"state_dict": {f"module.{n}": t for n, t in state.items()}, "epoch": 3}
        found += [
            Whole(name, form, ".pth", data)
            for form, data in {
                "now": torch_file(state),
                "old": torch_file(state, _use_new_zipfile_serialization=False),
                "under model": torch_file({"model": state, "epoch": 3}),
                "old, under state_dict": torch_file(wrapped, _use_new_zipfile_serialization=False),
                "averaged beside plain": torch_file(
                    {"state_dict_ema": state, "state_dict": wrapped["state_dict"], "best": np.float64(0.5)}
                ),
                "in a training module": torch_file(
                    {
                        "state_dict": {f"net._orig_mod.{n}": t for n, t in state.items()}
                        | {"criterion.weight": torch.ones(3)}
                    }
                ),
            }.items()
        ]
    for name, kind in {
        "transformers ViT": "vit",
        "DeiT, distilled": "deit",
        "DINOv2 with registers": "dinov2_with_registers",
    }.items():
        found.append(
            Whole(
                name,
                "config.json",
                ".safetensors",
                save(by_layout[name]),
                {"config.json": HUGGING_FACE | {"model_type": kind}, "preprocessor_config.json": PREPROCESSOR},
            )
        )
    found.append(
        Whole(
            "CLIP",
            "config.json",
            ".safetensors",
            save(by_layout["CLIP"]),
            {
                "config.json": {
                    "model_type": "clip",
                    "id2label": HUGGING_FACE["id2label"],
                    "vision_config": HUGGING_FACE | {"hidden_act": "quick_gelu", "layer_norm_eps": 1e-5},
                },
                "preprocessor_config.json": PREPROCESSOR,
            },
        )
    )
    found.append(
        Whole(
            "DINOv3",
            "config.json",
            ".safetensors",
            save(_dinov3()),
            {
                "config.json": HUGGING_FACE | {"model_type": "dinov3_vit", "rope_theta": 100.0},
                "preprocessor_config.json": PREPROCESSOR,
            },
        )
    )
    timm = save(by_layout["timm"])
    return [
        *found,
        Whole("timm", "config.json", ".safetensors", timm, {"config.json": TIMM}),
        Whole("timm", "labels.json", ".safetensors", timm, {"labels.json": LABELS}),
    ]
