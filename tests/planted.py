"""Outlier tokens in a model that has none: chosen patches get long vectors, and all tokens look at them."""

import torch

from vit_core.models.vit import VisionTransformer


@torch.no_grad()
def plant(
    model: VisionTransformer, patches: list[tuple[int, int]], layer: int = 1, norm: float = 60.0, pull: float = 4.0
) -> VisionTransformer:
    """From `layer` (from 0) on, the tokens of these patches (row, col) are about `norm` long, and about `pull` is added
    to each head's scores of them. Returns the model, which has learned positions.

    The last channel of the stream marks these patches and holds nothing else. Their position embedding sets it, and one
    hidden unit of that layer's MLP writes it large.
    """
    config = model.config
    width, prefix = config.dim, config.num_prefix_tokens if config.position_prefix else 0
    norms = [norm for block in model.blocks for norm in (block.norm1, block.norm2)]
    for weights in (model.positions, model.prefix_tokens):
        weights[..., -1] = 0
    model.patch_embed.weight[-1], model.patch_embed.bias[-1] = 0, 0
    for block in model.blocks:
        for part in (block.attn.proj, block.mlp.fc2):
            part.weight[-1], part.bias[-1] = 0, 0
    for one in norms:
        one.weight[-1], one.bias[-1] = 1, 0
    usual = model.embed(torch.ones(1, config.channels, *config.image_size)).std()
    for row, col in patches:
        model.positions[0, prefix + row * config.grid[1] + col, -1] = 6 * usual
    mlp = model.blocks[layer].mlp
    mlp.fc1.weight[-1] = 0
    mlp.fc1.weight[-1, -1], mlp.fc1.bias[-1] = 4.0, -4.0
    mlp.fc2.weight[:, -1] = 0
    mlp.fc2.weight[-1, -1] = norm / 5
    for block in list(model.blocks)[layer + 1 :]:
        heads, head_width = block.attn.heads, block.attn.head_dim
        query_bias = block.attn.qkv.bias.view(3, heads, head_width)[0]
        key_weight = block.attn.qkv.weight.view(3, heads, head_width, width)[1]
        query_bias[:, 0] += 1.0
        key_weight[:, 0, -1] = pull * head_width**0.5 / width**0.5
    return model
