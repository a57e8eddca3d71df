"""Models of transformers and timm that are small enough to compare with ours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import vit_core as vc
from vit_core.checkpoints import import_timm
from vit_core.errors import InputError

timm = import_timm()
import transformers  # noqa: E402  (it imports torchvision, which `import_timm` makes possible)

transformers.utils.logging.disable_progress_bar()

SIZES = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, image_size=40, patch_size=8)


VIT = dict(SIZES, intermediate_size=56)


DINO = dict(SIZES, mlp_ratio=2)


LABELS = {"id2label": {0: "cat", 1: "dog", 2: "newt"}, "label2id": {"cat": 0, "dog": 1, "newt": 2}}


HALF = (0.5,) * 3


def randomise(module: torch.nn.Module) -> torch.nn.Module:
    """The module with no weight at its initial value, in eval mode."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, p in module.named_parameters():
            p.uniform_(-1, 1, generator=generator)
            if p.ndim > 1 and name.endswith("weight"):
                p.mul_((3 / p[0].numel()) ** 0.5)
            elif p.ndim == 1:
                p.mul_(0.5).add_(0 if name.endswith("bias") else 1)
    return module.eval()


def pictures(height: int, width: int) -> torch.Tensor:
    return torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(height))


def refused(code: str, name: str, **facts) -> str:
    """The sentence with which `load(name)` refuses, after a check of its code and of the values given in `facts`."""
    with pytest.raises(InputError) as caught:
        vc.load(name, "cpu")
    assert caught.value.code == code, str(caught.value)
    for key, value in facts.items():
        assert caught.value.values[key] == value
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "Traceback" not in sentence
    return sentence


def transformers_model(kind: str, **config) -> torch.nn.Module:
    """A small model of the class called `kind` in transformers, with a small text model if it has one."""
    family = re.match(r"(CLIP|Siglip|ViTMAE|ViTMSN|IJepa|ViT|DeiT|Dinov2WithRegisters|Dinov2)(Vision)?", kind)
    settings = getattr(transformers, f"{family[0]}Config")
    if family[1] in ("CLIP", "Siglip") and not family[2]:
        texts = dict(SIZES, intermediate_size=56, vocab_size=9, bos_token_id=1, eos_token_id=2)
        made = settings(vision_config=VIT | config.pop("vision", {}), text_config=texts, **config)
    else:
        made = settings(**(DINO if "Dino" in kind else VIT) | config)
    return randomise(getattr(transformers, kind)(made))


def timm_model(name: str = "test_vit", **options) -> torch.nn.Module:
    return randomise(timm.create_model(name, **{"num_classes": 5, "img_size": 32, "dynamic_img_size": True, **options}))


def built(**options) -> torch.nn.Module:
    """A module of timm's class with sizes that no published ViT has."""
    from timm.models.vision_transformer import VisionTransformer as Theirs

    return randomise(
        Theirs(
            **{
                "img_size": 32,
                "patch_size": 8,
                "embed_dim": 192,
                "depth": 2,
                "num_heads": 3,
                "num_classes": 5,
                **options,
            }
        )
    )


def saved(tmp_path: Path, suffix: str = ".safetensors", change=lambda state: None) -> str:
    state = {n: t.clone() for n, t in timm_model("vit_tiny_patch16_224", depth=2).state_dict().items()}
    change(state)
    path = tmp_path / f"a{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(state, path)
    return f"file:{path}"
