from __future__ import annotations

import copy
import threading

import pytest
import small
import torch

from smartedit.models.unet import denoise, position_channels, with_feature


@pytest.fixture(scope="module")
def unet():
    torch.manual_seed(0)
    return small.unet()


@pytest.fixture
def inputs():
    torch.manual_seed(1)
    return torch.randn(2, 8, 8, 8), 10, torch.randn(2, 3, 16)


@torch.no_grad()
def test_feature_acts_and_is_gone_afterwards(unet, inputs):
    plain = denoise(unet, *inputs)
    assert not torch.allclose(denoise(unet, *inputs, feature=torch.ones(2, 8, 8, 8)), plain)
    assert torch.equal(denoise(unet, *inputs), plain)
    assert torch.equal(denoise(unet, *inputs, feature=torch.zeros(2, 8, 8, 8)), plain)


@torch.no_grad()
def test_feature_is_gone_after_an_error(unet, inputs):
    plain = denoise(unet, *inputs)
    with pytest.raises(RuntimeError), with_feature(unet, torch.ones(2, 8, 8, 8)):
        raise RuntimeError
    assert torch.equal(denoise(unet, *inputs), plain)


@torch.no_grad()
def test_feature_of_one_unet_does_not_reach_another(unet, inputs):
    other = copy.deepcopy(unet)
    plain = denoise(other, *inputs)
    with with_feature(unet, torch.ones(2, 8, 8, 8)):
        assert torch.equal(denoise(other, *inputs), plain)
    assert not torch.allclose(denoise(other, *inputs, feature=torch.ones(2, 8, 8, 8)), plain)


@torch.no_grad()
def test_threads_do_not_share_a_feature(unet, inputs):
    plain, seen = denoise(unet, *inputs), []

    def other() -> None:
        with torch.no_grad():
            seen.append(denoise(unet, *inputs))

    with with_feature(unet, torch.ones(2, 8, 8, 8)):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert torch.equal(seen[0], plain)


def test_one_hook_however_often_used(unet, inputs):
    for _ in range(3):
        with with_feature(unet, torch.zeros(2, 8, 8, 8)):
            pass
    assert len(unet.conv_in._forward_hooks) == 1


def test_gradient_reaches_the_feature(unet, inputs):
    feature = torch.zeros(2, 8, 8, 8, requires_grad=True)
    denoise(unet, *inputs, feature=feature).square().sum().backward()
    assert feature.grad.any()


@torch.no_grad()
def test_anchor_is_added(unet, inputs):
    anchor = torch.randn(2, 4, 8, 8)
    torch.testing.assert_close(denoise(unet, *inputs, anchor=anchor), anchor + denoise(unet, *inputs))


@torch.no_grad()
def test_a_brush_is_handed_output_anchor_and_what_is_told(unet, inputs):
    anchor = torch.randn(2, 2, 8, 8)

    told = torch.randn(2, 3, 4)

    def brush(output, source, heard):
        return output.sum(1, keepdim=True) * source + heard.sum()

    painted = denoise(unet, *inputs, anchor=anchor, brush=brush, told=told)
    torch.testing.assert_close(painted, denoise(unet, *inputs).sum(1, keepdim=True) * anchor + told.sum())


@torch.no_grad()
def test_missing_input_channels_are_positions(unet, inputs):
    sample, t, context = inputs
    full = torch.cat([sample[:, :5], position_channels(sample, 3)], dim=1)
    assert torch.equal(denoise(unet, sample[:, :5], t, context), denoise(unet, full, t, context))


def test_position_channels_tell_every_cell_apart():
    maps = position_channels(torch.zeros(2, 1, 6, 9), 16)
    assert maps.shape == (2, 16, 6, 9) and torch.equal(maps[0], maps[1])
    cells = maps[0].flatten(1).T
    assert torch.cdist(cells, cells).add(torch.eye(54) * 9).min() > 0.1
