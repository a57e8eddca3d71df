"""Linear layers and activations.

On CPUs with AVX-512 a linear layer without gradient runs as oneDNN's fused operator, the one torch.compile uses: it
applies GELU in the same pass over memory. It makes a forward pass of ViT-B/16 10 to 15 % faster
(docs/benchmarks.md). The operator is private to PyTorch, so everything falls back to torch.nn.Linear without it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_onednn: Any = torch.ops.mkldnn if torch.backends.mkldnn.is_available() else None
_onednn_linear: Any = getattr(_onednn, "_linear_pointwise", None)
#: Whether this CPU has AVX-512. PyTorch's ATEN_CPU_CAPABILITY=avx2 in the environment turns it off.
ONEDNN_IS_FASTER = torch.backends.cpu.get_cpu_capability() == "AVX512" and _onednn_linear is not None
#: Multiplications from which oneDNN is used. Smaller products, as in ViT-Ti/16 at 224, are faster in MKL on Intel.
ONEDNN_MULTIPLICATIONS = 1 << 25


class QuickGELU(nn.Module):
    """x * sigmoid(1.702 x), the approximation of GELU used by CLIP (Hendrycks & Gimpel 2016)."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


ACTIVATION = {"gelu": nn.GELU, "gelu_tanh": lambda: nn.GELU("tanh"), "quick_gelu": QuickGELU, "silu": nn.SiLU}


class Linear(nn.Linear):
    """torch.nn.Linear, optionally followed by an activation."""

    def forward(self, x: Tensor, activation: nn.Module | None = None) -> Tensor:
        """x (..., inputs) to activation(x W^T + b), (..., outputs). An activation with hooks is called as a module."""
        if not self._use_onednn(x):
            out = super().forward(x)
        elif type(activation) is nn.GELU and not (activation._forward_hooks or activation._forward_pre_hooks):
            return _onednn_linear(x, self.weight, self.bias, "gelu", [], activation.approximate)
        else:
            out = _onednn_linear(x, self.weight, self.bias, "none", [], "")
        return out if activation is None else activation(out)

    def _use_onednn(self, x: Tensor) -> bool:
        weight = self.weight
        return (
            ONEDNN_IS_FASTER
            and torch.backends.mkldnn.enabled
            and x.is_cpu
            and weight.is_cpu
            and x.dtype == weight.dtype == torch.float32
            and x.numel() * self.out_features >= ONEDNN_MULTIPLICATIONS
            and not torch.is_autocast_enabled("cpu")
            and not (torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad))
        )
