"""Contact sheets: rows of pictures with what was asked between them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

#: Pixels around and between the cells, and height of a line of text.
_MARGIN, _LINE = 12, 22
_PAPER, _INK = (250, 249, 246), (30, 30, 32)


def contact_sheet(rows: Sequence[tuple], size: int = 256, headings: Sequence[str] = ()) -> Image.Image:
    """An RGB sheet with one row per `(before, text, after)` or `(before, text, after, truth)`.

    Pictures are PIL images or uint8 (H, W, 3) arrays, shown `size` pixels wide and high; the text stands below its row.
    `headings` name the columns of pictures.
    """
    columns = max(len(row) for row in rows) - 1
    width = _MARGIN + columns * (size + _MARGIN)
    font = ImageFont.load_default(size=16)
    texts = [_wrapped(str(row[1]), font, width - 2 * _MARGIN) for row in rows]
    top = _MARGIN + (_LINE if headings else 0)
    heights = [size + 8 + _LINE * len(lines) + _MARGIN for lines in texts]
    sheet = Image.new("RGB", (width, top + sum(heights)), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for column, heading in enumerate(headings):
        draw.text((_MARGIN + column * (size + _MARGIN), _MARGIN - 4), heading, _INK, font)
    for row, lines, height in zip(rows, texts, heights, strict=True):
        _draw_row(sheet, [row[0], *row[2:]], top, size)
        for number, line in enumerate(lines):
            draw.text((_MARGIN, top + size + 6 + number * _LINE), line, _INK, font)
        top += height
    return sheet


def _draw_row(sheet: Image.Image, pictures: list, top: int, size: int) -> None:
    for column, picture in enumerate(pictures):
        image = picture if isinstance(picture, Image.Image) else Image.fromarray(np.asarray(picture))
        image = image.convert("RGB").resize((size, size), Image.Resampling.LANCZOS)
        sheet.paste(image, (_MARGIN + column * (size + _MARGIN), top))


def _wrapped(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """The text in lines no wider than `width` pixels (a single long word may be)."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
