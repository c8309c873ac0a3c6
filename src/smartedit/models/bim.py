"""BIM, the Bidirectional Interaction Module: context and picture inform each other before both enter the UNet."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ..errors import ModelError
from .layers import Attention, zeroed

CONTEXT_FACTOR = 0.5  # how much of the text head's result is added to the context, as published


class BIMBlock(nn.Module):
    """Tokens look at themselves, then at the picture, pass an MLP, then the picture looks at the tokens."""

    def __init__(self, width: int, heads: int, mlp: int, first: bool) -> None:
        super().__init__()
        self.first = first
        self.self_attention = Attention(width, heads)
        self.token_to_image = Attention(width, heads, inner=width // 2)
        self.mlp = nn.Sequential(nn.Linear(width, mlp), nn.ReLU(), nn.Linear(mlp, width))
        self.image_to_token = Attention(width, heads, inner=width // 2)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.norm3, self.norm4 = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, tokens: Tensor, image: Tensor, token_code: Tensor, image_code: Tensor) -> tuple[Tensor, Tensor]:
        if self.first:  # the tokens are their own code here, so neither code nor residual
            tokens = self.self_attention(tokens, tokens, tokens)
        else:
            coded = tokens + token_code
            tokens = tokens + self.self_attention(coded, coded, tokens)
        tokens = self.norm1(tokens)
        coded_image = image + image_code
        tokens = self.norm2(tokens + self.token_to_image(tokens + token_code, coded_image, image))
        tokens = self.norm3(tokens + self.mlp(tokens))
        image = self.norm4(image + self.image_to_token(coded_image, tokens + token_code, tokens))
        return tokens, image


class BIM(ModelMixin, ConfigMixin):
    """Two-way transformer between context vectors and patch features, with a head for each side.

    Args: `context_width`, `width` in which both meet, `mlp`, `heads`, `depth`, `image_width` of the patch features
    (None: equal to `width`, as published; otherwise a Linear brings them to it), `feature_channels` of the map that
    the UNet adds after its first convolution. Both heads start at zero: a new BIM changes nothing.
    """

    _keep_in_fp32_modules: ClassVar[list[str]] = ["position_matrix"]  # sines of large angles need it

    @register_to_config
    def __init__(
        self,
        context_width: int = 768,
        width: int = 1024,
        mlp: int = 2048,
        heads: int = 8,
        depth: int = 2,
        image_width: int | None = None,
        feature_channels: int = 320,
    ) -> None:
        super().__init__()
        self.context_in = nn.Linear(context_width, width)
        self.image_in = nn.Identity() if image_width in (None, width) else nn.Linear(image_width, width)
        self.blocks = nn.ModuleList(BIMBlock(width, heads, mlp, first=i == 0) for i in range(depth))
        self.final_attention = Attention(width, heads, inner=width // 2)
        self.final_norm = nn.LayerNorm(width)
        self.register_buffer("position_matrix", torch.randn(2, width // 2))
        self.context_out = zeroed(nn.Linear(width, context_width))
        self.feature_out = zeroed(nn.Conv2d(width, feature_channels, 1))

    def forward(
        self, context: Tensor, image: Tensor, size: tuple[int, int], grid: tuple[int, int] | None = None
    ) -> tuple[Tensor, Tensor]:
        """context (B, n, context_width), image (B, P, image_width) row by row, size (h, w) of the latents
        -> (informed context (B, n, context_width), feature (B, feature_channels, h, w)).

        `grid` is the (rows, columns) of the patches, by default the square that P makes; ModelError if it does not fit.
        """
        rows, columns = grid or _square(image.shape[1])
        if rows * columns != image.shape[1]:
            raise ModelError(f"a grid of {rows} x {columns} does not hold {image.shape[1]} patches; give its grid")
        code = self.context_in(context)
        tokens, image = self.interact(code, self.image_in(image), self.position_code(rows, columns).to(code.dtype))
        grid_map = image.transpose(1, 2).unflatten(2, (rows, columns))
        feature = self.feature_out(interpolate(grid_map, size=tuple(size), mode="bilinear", align_corners=False))
        return context + CONTEXT_FACTOR * self.context_out(tokens), feature

    def interact(self, code: Tensor, image: Tensor, image_code: Tensor) -> tuple[Tensor, Tensor]:
        """Both streams at `width`: tokens start as `code`, which is added again at every attention."""
        tokens = code
        for block in self.blocks:
            tokens, image = block(tokens, image, code, image_code)
        look = self.final_attention(tokens + code, image + image_code, image)
        return self.final_norm(tokens + look), image

    def position_code(self, rows: int, columns: int) -> Tensor:
        """Random Fourier code of the patch centres, (rows * columns, width), row by row."""
        matrix = self.position_matrix.float()
        y = (torch.arange(rows, device=matrix.device) + 0.5) / rows * 2 - 1
        x = (torch.arange(columns, device=matrix.device) + 0.5) / columns * 2 - 1
        centres = torch.stack([x.expand(rows, columns), y[:, None].expand(rows, columns)], dim=-1)
        angles = 2 * math.pi * (centres @ matrix)
        return torch.cat([angles.sin(), angles.cos()], dim=-1).flatten(0, 1).to(self.position_matrix.dtype)


def _square(patches: int) -> tuple[int, int]:
    return math.isqrt(patches), math.isqrt(patches)
