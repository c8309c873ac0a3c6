"""Pictures made up for tests."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from PIL import Image


def noise_picture(width: int, height: int, seed: int = 0) -> Image.Image:
    """A picture of independent random bytes: any change to any pixel shows."""
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(values)


def photo_like(width: int = 320, height: int = 240, seed: int = 0) -> Image.Image:
    """A picture with the statistics of a photograph: 1/f structure in correlated colours, and sensor noise."""
    rng = np.random.default_rng(seed)
    fy, fx = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None]
    amplitude = 1 / np.maximum(np.hypot(fy, fx), 1 / max(width, height)) ** 1.1
    shape = (3, height, width)
    waves = np.fft.ifft2(amplitude * np.fft.fft2(rng.normal(size=shape))).real
    grey = waves[:1] + 0.35 * waves
    grey = (grey - grey.mean()) / grey.std()
    values = 120 + 48 * grey + rng.normal(size=shape) * 4
    return Image.fromarray(values.clip(0, 255).astype(np.uint8).transpose(1, 2, 0))


def bomb_header(width: int, height: int) -> bytes:
    """A PNG file that promises a picture of this size and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
