"""The curated models: published Vision Transformers that show something well, as a table of data.

Names, repositories and licences of timm's models are those of timm's registry (`timm.get_pretrained_cfg`). CLIP is
OpenAI's own repository, because timm's copy computes another GELU than the one it was trained with; its licence is that
of OpenAI's code. `vitrine models --check` compares the table with the hub.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Curated:
    """A recommended model. `name` is what `load` takes; `shows` says in English what it is good for."""

    name: str
    title: str
    megabytes: float  # of its weights, 10^6 bytes
    licence: str  # as the hub writes it
    shows: str
    gated: bool = False  # whether the hub asks for consent before it sends the files

    @property
    def repo(self) -> str:
        """Its repository on the hub."""
        source, _, rest = self.name.partition(":")
        return f"timm/{rest}" if source == "timm" else rest


#: How licences are written in lists.
LICENCES = {
    "apache-2.0": "Apache-2.0",
    "mit": "MIT",
    "cc-by-nc-4.0": "CC BY-NC 4.0",
    "dinov3-license": "DINOv3 License",
}

CURATED = (
    Curated(
        "timm:vit_small_patch16_224.augreg_in21k_ft_in1k",
        "ViT-S/16",
        88.2,
        "apache-2.0",
        "1,000 ImageNet classes, small and fast",
    ),
    Curated(
        "timm:vit_base_patch16_224.augreg_in21k_ft_in1k",
        "ViT-B/16",
        346.3,
        "apache-2.0",
        "1,000 ImageNet classes, the paper's ViT-Base",
    ),
    Curated(
        "timm:deit_small_distilled_patch16_224.fb_in1k",
        "DeiT-S/16 distilled",
        89.8,
        "apache-2.0",
        "a distillation token beside the class token",
    ),
    Curated(
        "timm:deit3_small_patch16_224.fb_in22k_ft_in1k",
        "DeiT III-S/16",
        88.3,
        "apache-2.0",
        "1,000 ImageNet classes, layer scale",
    ),
    Curated(
        "timm:vit_small_patch8_224.dino",
        "DINO S/8",
        86.7,
        "apache-2.0",
        "attention outlines objects, on 28 × 28 patches",
    ),
    Curated(
        "timm:vit_small_patch14_dinov2.lvd142m",
        "DINOv2 S/14",
        88.3,
        "apache-2.0",
        "sharp object attention, also at 518 pixels",
    ),
    Curated(
        "timm:vit_small_patch14_reg4_dinov2.lvd142m",
        "DINOv2 S/14 + registers",
        88.3,
        "apache-2.0",
        "four registers, clean attention maps",
    ),
    Curated(
        "timm:vit_base_patch14_dinov2.lvd142m",
        "DINOv2 B/14",
        346.4,
        "apache-2.0",
        "parts of objects match across pictures; outlier tokens",
    ),
    Curated(
        "timm:vit_base_patch14_reg4_dinov2.lvd142m",
        "DINOv2 B/14 + registers",
        346.4,
        "apache-2.0",
        "registers take over the outlier tokens",
    ),
    Curated(
        "timm:vit_small_patch16_dinov3.lvd1689m",
        "DINOv3 S/16",
        86.4,
        "dinov3-license",
        "rotary positions, smooth patch features",
    ),
    Curated(
        "timm:vit_base_patch16_224.mae",
        "MAE B/16",
        343.2,
        "cc-by-nc-4.0",
        "trained to paint in hidden patches, without labels",
    ),
    Curated(
        "hf:openai/clip-vit-base-patch16",
        "CLIP B/16",
        598.6,
        "mit",
        "image encoder trained with captions",
    ),
    Curated(
        "timm:vit_base_patch16_siglip_224.webli",
        "SigLIP B/16",
        371.6,
        "apache-2.0",
        "attention pooling in place of a class token",
    ),
)


def find_curated(name: str) -> Curated | None:
    """The curated model of that name."""
    return next((model for model in CURATED if model.name == name), None)
