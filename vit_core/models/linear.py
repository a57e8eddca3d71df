"""Linear layers. Where a CPU has AVX-512, oneDNN multiplies them, with the operator that torch.compile uses: it does
the GELU behind a product in the same pass over memory, and on AMD's CPUs it multiplies faster than MKL, which is
torch.nn.Linear's way. Elsewhere, of little work, and where a gradient is wanted, it is torch.nn.Linear.
`python tests/bench/peers.py` says what comes of it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_product = getattr(torch.ops.mkldnn, "_linear_pointwise", None) if torch.backends.mkldnn.is_available() else None
#: Multiplications from which oneDNN is worth its overhead: 57 tokens of a ViT-Ti's MLP.
ENOUGH = 1 << 23
#: Whether this CPU gains by it. (PyTorch's own ATEN_CPU_CAPABILITY=avx2 in the environment says that it does not.)
GAINS = torch.backends.cpu.get_cpu_capability() == "AVX512" and _product is not None


def times(x: Tensor, weight: Tensor) -> Tensor:
    """x W^T, (rows, outputs), of x (rows, inputs) and W (outputs, inputs), in their own precision, without a gradient.

    oneDNN gives each thread some of the rows, as a softmax does that comes behind it. MKL gives each some of the
    columns where there are many, so that the softmax reads what other cores wrote: the two together then take twice as
    long where those cores share no cache.
    """
    plain = x.is_cpu and x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    if plain and _product is not None and torch.backends.mkldnn.enabled:
        return _product(x, weight, None, "none", [], "")
    return torch.mm(x, weight.mT, out=x.new_empty(len(x), len(weight)))


class QuickGELU(nn.Module):
    """x * sigmoid(1.702 x), the approximation of GELU used by CLIP (Hendrycks & Gimpel 2016)."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


ACTIVATION = {"gelu": nn.GELU, "gelu_tanh": lambda: nn.GELU("tanh"), "quick_gelu": QuickGELU, "silu": nn.SiLU}


class Linear(nn.Linear):
    """torch.nn.Linear, and the activation that comes behind it, if one does."""

    def forward(self, x: Tensor, activation: nn.Module | None = None) -> Tensor:
        """x (..., inputs) to activation(x W^T + b), (..., outputs). One that somebody listens to is called."""
        if not self._by_onednn(x):
            out = super().forward(x)
        elif type(activation) is nn.GELU and not (activation._forward_hooks or activation._forward_pre_hooks):
            return _product(x, self.weight, self.bias, "gelu", [], activation.approximate)
        else:
            out = _product(x, self.weight, self.bias, "none", [], "")
        return out if activation is None else activation(out)

    def _by_onednn(self, x: Tensor) -> bool:
        weight = self.weight
        return (
            GAINS
            and torch.backends.mkldnn.enabled
            and x.is_cpu
            and weight.is_cpu
            and x.dtype == weight.dtype == torch.float32
            and x.numel() * self.out_features >= ENOUGH
            and not torch.is_autocast_enabled("cpu")
            and not (torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad))
        )
