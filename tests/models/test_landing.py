"""Where things land that are put somewhere."""

from __future__ import annotations

import pytest
import torch

from smartedit.models.landing import Landing
from smartedit.models.similarity import MEASURES


@pytest.mark.parametrize("seen", [1, 2])
def test_a_new_one_is_in_the_middle_of_the_picture_and_learns(seen):
    """Places of things that are put beside another thing, in a direction that the words say: exact after a few hundred steps."""
    torch.manual_seed(0)
    landing, rows = Landing(kinds=3, relations=2, seen=seen, hidden=32), 64
    kind, relation = (torch.eye(n)[torch.randint(n, (rows,))] for n in (3, 2))
    shown = [torch.randn(rows, MEASURES) for _ in range(seen)]
    assert torch.equal(landing(kind, relation, *shown), torch.tensor([0.0, 0.0, 1.0]).expand(rows, 3))
    wanted = torch.cat([shown[0][:, :2] / 3 + relation - 0.5, 0.5 + kind[:, :1]], dim=1)
    learner = torch.optim.Adam(landing.parameters(), lr=1e-2)
    for _ in range(300):
        loss = (landing(kind, relation, *shown) - wanted).square().mean()
        learner.zero_grad()
        loss.backward()
        learner.step()
    assert loss < 0.01
