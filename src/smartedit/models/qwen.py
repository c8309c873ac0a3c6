"""Qwen-VL as the model that understands: its own vision transformer, no projector, and positions in three dimensions.

Everything after it stays the same: QFormer and BIM are built for its width (`encoder_width`, and BIM's `image_width`, are
the language model's hidden size).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from .mllm import MLLM, Spliced


class QwenMLLM(MLLM):
    """Around a stock `Qwen2VLForConditionalGeneration` or `Qwen2_5_VLForConditionalGeneration`.

    Views are square, their side a multiple of patch size times merge size, normalised as for CLIP.
    """

    def __init__(self, model: nn.Module, first_edit_token: int) -> None:
        super().__init__(model.model.visual, nn.Identity(), model, first_edit_token)

    def encode_view(self, view: Tensor) -> Tensor:
        """View (B, 3, S, S) -> merged patch features (B, P, hidden), row by row, as the language model reads them."""
        config = self.vision_tower.config
        patch, merge, frames = config.patch_size, config.spatial_merge_size, config.temporal_patch_size
        cells = view.shape[-1] // (patch * merge)
        # A still picture is a film of equal frames; the patches of a merged cell come one after another.
        film = view[:, None].expand(-1, frames, -1, -1, -1)
        film = film.reshape(len(view), frames, 3, cells, merge, patch, cells, merge, patch)
        patches = film.permute(0, 3, 6, 4, 7, 2, 1, 5, 8).reshape(-1, 3 * frames * patch * patch)
        grid = torch.tensor([[1, cells * merge, cells * merge]] * len(view), device=view.device)
        merged = self.vision_tower(patches.to(self.vision_tower.dtype), grid_thw=grid).pooler_output
        return merged.reshape(len(view), cells * cells, -1)

    def project(self, image_features: Tensor) -> Tensor:
        """The features as they are: the vision transformer ends in the language model's width."""
        return image_features

    shown = project

    def positions(self, spliced: Spliced, place: Tensor | None = None) -> Tensor:
        """(3, B, L): time, row and column. Words count up in all three; the picture stands still in time."""
        picture = spliced.ids == -1
        side = math.isqrt(int(picture.sum(dim=1).max()))
        if place is None:
            place = torch.arange(picture.shape[1], device=picture.device).expand_as(picture)
        start = picture.int().argmax(dim=1, keepdim=True)
        within = (place - start).clamp_min(0)
        after = picture.any(dim=1, keepdim=True) & (place >= start) & ~picture
        words = torch.where(after, place - side * side + side, place)
        seen = [start.expand_as(place), start + within // max(side, 1), start + within % max(side, 1)]
        return torch.stack([torch.where(picture, axis, words) for axis in seen])

    def following(self, positions: Tensor, spliced: Spliced) -> Tensor:
        """One after the last word."""
        return positions.masked_fill(spliced.attention_mask[None] == 0, -1).amax(dim=(0, 2)) + 1

    def _run(self, embeds: Tensor, mask: Tensor, positions: Tensor | None = None, cache=None) -> Tensor:
        if positions is not None and positions.ndim == 2:
            positions = positions.expand(3, -1, -1)
        return super()._run(embeds, mask, positions, cache)
