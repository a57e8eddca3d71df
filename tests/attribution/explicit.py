"""Kinds of models, and their forward pass written out as one graph: the reference for methods that walk backwards."""

import torch

from vit_core.models.vit import attention_weights

TWO = dict(distillation_token=True, distillation_head=True)
KINDS = [
    {}, dict(block="res_post", layer_scale=True), dict(block="parallel", qk_norm=True, norm="rms", layer_scale=True),
    dict(mlp="glu", activation="silu", registers=2), dict(attention_norm=True, mlp_norm=True, pool="token_avg"),
    dict(TWO, registers=1), dict(TWO, class_token=False, pool="max"), dict(class_token=False, pool="avg"),
    dict(pool="avgmax", pool_prefix=True, pool_norm=True, final_norm=False), dict(pool="map", registers=1),
    dict(qkv_bias=False, proj_bias=False, mlp_bias=False, head_bias=False, head_dim=5, heads=3),
    dict(position="rope", head_dim=8, registers=2),
]  # fmt: skip


def close(a, b, tolerance=1e-9) -> None:
    torch.testing.assert_close(a, torch.as_tensor(b, dtype=a.dtype), atol=tolerance, rtol=tolerance)


def explicit_block(block, x):
    """One block's output and attention weights (B, H, N, N), in one graph."""
    kept = []

    def mix(read, attn=block.attn):
        B, N, _ = read.shape
        q, k, v = attn.qkv(read).view(B, N, 3, attn.heads, attn.head_dim).permute(2, 0, 3, 1, 4)
        kept.append(attention_weights(attn.rotary(attn.q_norm(q)), attn.rotary(attn.k_norm(k))))
        return attn.proj(attn.norm((kept[-1] @ v).transpose(1, 2).reshape(B, N, -1)))

    if block.wiring == "parallel":
        read = block.norm1(x)
        x = x + block.ls1(mix(read)) + block.ls2(block.mlp(read))
    elif block.wiring == "res_post":
        x = x + block.ls1(block.norm1(mix(x)))
        x = x + block.ls2(block.norm2(block.mlp(x)))
    else:
        x = x + block.ls1(mix(block.norm1(x)))
        x = x + block.ls2(block.mlp(block.norm2(x)))
    return x, kept[0]


def explicit(model, images):
    """The whole forward at once: the first picture's logits, a layer's attention weights each, and the tokens that the
    head reads, one graph."""
    x, kept = model.embed(images), []
    for block in model.blocks:
        x, weights = explicit_block(block, x)
        kept.append(weights)
    return model.classify(model.norm(x))[0], kept, model.norm(x)[0]
