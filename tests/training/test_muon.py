"""Muon: orthogonal directions, steps of AdamW's size, and a fit that AdamW cannot do as fast."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smartedit.training.muon import Muon, orthogonal


@given(st.integers(2, 24), st.integers(2, 24), st.integers(0, 1000))
def test_directions_are_about_orthogonal(rows, columns, seed):
    matrix = torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))
    values = torch.linalg.svdvals(orthogonal(matrix, steps=8))
    assert values.max() < 1.3 and values[: max(1, min(rows, columns) // 2)].min() > 0.5


def newton_schulz(x, steps):
    """The iteration as it is usually written, on the matrix itself."""
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x


@given(st.integers(1, 24), st.integers(1, 24), st.integers(1, 4), st.integers(0, 1000))
def test_steps_in_the_small_square_are_those_on_the_matrix(rows, columns, steps, seed):
    matrix = torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    wanted = newton_schulz(matrix, steps) if rows <= columns else newton_schulz(matrix.T, steps).T
    assert torch.allclose(orthogonal(matrix, steps), wanted, atol=1e-9)


def test_a_step_has_the_size_of_adamws():
    weight = torch.nn.Parameter(torch.zeros(64, 128))
    weight.grad = torch.randn(64, 128, generator=torch.Generator().manual_seed(0))
    Muon([weight], lr=1e-2, weight_decay=0).step()
    assert weight.detach().square().mean().sqrt().item() == pytest.approx(0.2e-2, rel=0.25)


def test_it_fits_an_ill_conditioned_map():
    generator = torch.Generator().manual_seed(0)
    scales = torch.logspace(0, -2, 16)
    x = torch.randn(256, 16, generator=generator) * scales
    wanted = torch.randn(16, 16, generator=generator)
    weight = torch.nn.Parameter(torch.zeros(16, 16))
    optimizer = Muon([weight], lr=0.05, weight_decay=0)
    losses = []
    for _ in range(150):
        loss = (x @ weight.T - x @ wanted.T).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
