"""Muon: momentum whose direction is made orthogonal, for hidden matrices and convolutions (Jordan et al., 2024).

torch.optim.Muon does the same in bfloat16; this one keeps the precision of its parameters. Steps have the root mean
square that AdamW's have, so rates carry over (Liu et al., 2025).
"""

from __future__ import annotations

import torch
from torch import Tensor

#: Coefficients of the quintic iteration that pushes all singular values towards 1.
_A, _B, _C = 3.4445, -4.7750, 2.0315


class Muon(torch.optim.Optimizer):
    """For parameters of two dimensions or more; a convolution counts as the matrix (out, everything else).

    `lr` is as for AdamW, `weight_decay` decoupled, `momentum` Nesterov's.
    """

    def __init__(self, params, lr: float = 1e-3, momentum: float = 0.95, weight_decay: float = 0.01) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure=None) -> None:
        """One update of every parameter that has a gradient."""
        for group in self.param_groups:
            for parameter in (p for p in group["params"] if p.grad is not None):
                kept = self.state[parameter].setdefault("momentum", torch.zeros_like(parameter))
                kept.lerp_(parameter.grad, 1 - group["momentum"])
                direction = orthogonal(parameter.grad.lerp(kept, group["momentum"]).flatten(1))
                size = 0.2 * max(direction.shape) ** 0.5
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(direction.view_as(parameter), alpha=-group["lr"] * size)


def orthogonal(matrix: Tensor, steps: int = 4) -> Tensor:
    """About U V^T of a matrix U S V^T (Newton-Schulz): same shape, singular values between 0.7 and 1.2.

    Every step multiplies from the left by a polynomial of X X^T, and these all commute: the steps are taken in that small
    square, and the matrix itself is read twice only.
    """
    x = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x = x / (x.norm() + 1e-7)
    gram = x @ x.T
    product = one = torch.eye(len(x), dtype=x.dtype, device=x.device)
    for _ in range(steps):
        factor = _A * one + _B * gram + _C * gram @ gram
        product = factor @ product
        gram = factor @ gram @ factor
    x = product @ x
    return x if matrix.shape[0] <= matrix.shape[1] else x.T
