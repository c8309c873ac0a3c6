"""The denoising loop: what each branch sees, and edits that advance together as if they were alone."""

from __future__ import annotations

import copy

import pytest
import torch
from diffusers import DDIMScheduler, EulerAncestralDiscreteScheduler

from smartedit.denoising import Denoising, advance
from smartedit.guidance import branch_weights, branches
from smartedit.models.smartedit import Condition

SCHEDULERS = [DDIMScheduler(prediction_type="sample"), EulerAncestralDiscreteScheduler()]


def test_branches_see_what_the_published_ones_see():
    source, noisy = torch.full((1, 1, 2, 2), 5.0), torch.full((1, 1, 2, 2), 9.0)
    condition = Condition(torch.ones(1, 4, 2), torch.full((1, 6, 2, 2), 7.0))
    made = branches(source, condition, Condition(torch.zeros(1, 4, 2), condition.feature), branch_weights(7.5, 1.5))
    assert (made.spread(noisy) == 9).all() and made.source[:, 0, 0, 0].tolist() == [5, 5, 0], "text, image, null"
    assert made.condition.context[:, 0, 0].tolist() == [1, 0, 0]
    assert (made.condition.feature == 7).all() and len(made.condition.feature) == 3, "the feature is in every branch"
    answer = made.combined(torch.arange(3.0).view(3, 1, 1, 1).expand(3, 1, 2, 2))
    assert answer[0, 0, 0, 0] == pytest.approx(2 + 7.5 * (0 - 1) + 1.5 * (1 - 2))


def denoise(noisy, source, t, condition):
    """Row by row, so that rows cannot touch each other; every argument counts."""
    assert len(noisy) == len(source) == len(t) == len(condition.context) == len(condition.feature)
    return (noisy * 0.3 + source) * condition.context.mean((1, 2)).view(-1, 1, 1, 1) + condition.feature + t.view(-1, 1, 1, 1) / 1000


def an_edit(seed: int, scheduler, steps: int, scales: tuple[float, float]) -> Denoising:
    rand = torch.Generator().manual_seed(seed)
    source, context, feature = (torch.rand(shape, generator=rand) for shape in ((1, 2, 4, 4), (1, 5, 3), (1, 1, 4, 4)))
    made = branches(source, Condition(context, feature), Condition(context * 0.5, feature), branch_weights(*scales))
    return Denoising.start(made, copy.deepcopy(scheduler), steps, [torch.Generator().manual_seed(seed)])


@pytest.mark.parametrize("scheduler", SCHEDULERS, ids=lambda scheduler: type(scheduler).__name__)
def test_edits_of_any_kind_advance_together_as_if_alone(scheduler):
    kinds = [(1, scheduler, 4, (7.5, 1.5)), (2, scheduler, 4, (1.0, 1.0)), (3, scheduler, 7, (1.5, 1.0)), (4, scheduler, 2, (2.0, 2.0))]
    alone = [an_edit(*kind) for kind in kinds]
    for each in alone:
        while not each.done:
            advance(denoise, [each])
    late, *early = [an_edit(*kind) for kind in kinds]
    advance(denoise, early)
    together = [late, *early]  # one joins after a step of the others
    while under_way := [each for each in together if not each.done]:
        advance(denoise, under_way)
    for one, other in zip(alone, together, strict=True):
        assert torch.equal(one.latents, other.latents) and one.step == other.step


def test_what_is_expected_is_told():
    edit = an_edit(1, SCHEDULERS[0], 3, (1.0, 1.0))
    assert edit.expected is None
    advance(denoise, [edit])
    assert edit.expected.shape == edit.latents.shape and not torch.equal(edit.expected, edit.latents)
    while not edit.done:
        advance(denoise, [edit])
    assert torch.allclose(edit.expected, edit.latents, atol=1e-3)
