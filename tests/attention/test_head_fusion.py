"""Attention fused over heads in parts is what explicit weights give."""

import pytest
import torch

from vit_core.attention import head_fusion
from vit_core.attention.head_fusion import FUSIONS, fuse_heads

HEADS, N, WIDTH = 3, 37, 5
REFERENCE = {"mean": lambda w: w.mean(0), "max": lambda w: w.amax(0), "min": lambda w: w.amin(0)}


def heads(dtype=torch.float64):
    draw = torch.Generator().manual_seed(0)
    return torch.randn(3, HEADS, N, WIDTH, generator=draw, dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("rows", [1, 5, N])
def test_parts_of_any_size_give_the_explicit_result(monkeypatch, fusion, rows):
    monkeypatch.setattr(head_fusion, "MIN_ROWS", 1)
    monkeypatch.setattr(head_fusion, "CPU_WEIGHTS", HEADS * N * rows)
    query, key, value = heads()
    weights = (query @ key.mT / WIDTH**0.5).softmax(-1)
    out = torch.full((N, N), torch.nan, dtype=torch.float64)
    fused, mixed = fuse_heads(query, key, fusion, value, out)
    assert fused is out
    torch.testing.assert_close(fused, REFERENCE[fusion](weights))
    torch.testing.assert_close(mixed, weights @ value)
    assert fuse_heads(query, key, fusion)[1] is None


def test_long_sequences_never_hold_all_weights_at_once(monkeypatch):
    monkeypatch.setattr(head_fusion, "MIN_ROWS", 7)
    monkeypatch.setattr(head_fusion, "CPU_WEIGHTS", 0)
    softmax, sizes = torch.softmax, []
    monkeypatch.setattr(torch, "softmax", lambda t, dim, out=None: sizes.append(t.numel()) or softmax(t, dim, out=out))
    fuse_heads(*heads()[:2])
    assert sum(sizes) == HEADS * N * N
    assert max(sizes) <= HEADS * 7 * N


@pytest.mark.parametrize(("given", "computed"), [(torch.bfloat16, torch.float32), (torch.float64, torch.float64)])
def test_weights_are_computed_in_float32_or_better(given, computed):
    fused, _ = fuse_heads(*heads(given)[:2])
    assert fused.dtype == computed
    torch.testing.assert_close(fused.sum(-1), torch.ones(N, dtype=computed))
