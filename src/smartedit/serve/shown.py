"""What the page shows of pictures: before beside after, the changed region, the words of an edit, as HTML and pictures."""

from __future__ import annotations

import base64
import io
from html import escape

import numpy as np
from PIL import Image

from smartedit.region import grown
from smartedit.serve.history import Entry, History

#: Longest side of a picture on the page, in pixels; files to take home keep their size.
LONGEST = 1024

#: What marks the changed region.
ACCENT = (255, 64, 129)


def before_and_after(before: Image.Image, after: Image.Image) -> str:
    """Both pictures in one frame with a slider between them: an ordinary range input, so mouse, finger and arrow keys move it."""
    before = small(before)
    after = small(after).resize(before.size)
    shape = f"aspect-ratio: {before.width} / {before.height}; max-width: calc(62vh * {before.width / before.height:.4f})"
    return f"""
<figure class="compare" style="--cut: 50%; {shape}">
  <img src="{data_uri(before)}" alt="before the edit">
  <img class="after" src="{data_uri(after)}" alt="after the edit">
  <span class="tag left">before</span><span class="tag right">after</span>
  <span class="cut" aria-hidden="true"></span>
  <input type="range" min="0" max="100" value="50" step="1" aria-label="Share of the picture before the edit"
    oninput="this.parentNode.style.setProperty('--cut', this.value + '%')">
</figure>"""


def overlay(entry: Entry) -> Image.Image:
    """A result with its changed region in colour and outlined, the rest dimmed."""
    picture = small(entry.picture)
    inside = np.asarray(entry.region.resize(picture.size, Image.Resampling.NEAREST)) > 0
    values = np.asarray(picture).astype(np.float32)
    grey = values.mean(axis=2, keepdims=True)
    shown = np.where(inside[..., None], 0.75 * values + 0.25 * np.float32(ACCENT), 0.35 * grey + 0.65 * 128)
    shown[grown(inside, 2) & ~inside] = ACCENT
    return Image.fromarray(shown.astype(np.uint8))


def words(entry: Entry) -> str:
    """What a result was asked for, what the model said, and what makes it again."""
    edit = entry.edit
    share = np.asarray(entry.region).astype(bool).mean()
    changed = f"{share:.0%} of the picture changed" if share else "nothing changed; say it otherwise, or try another seed"
    said = f"<blockquote>{escape(edit.reply)}</blockquote>" if edit.reply else ""
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in entry.notes)
    fine = f'<p class="fine">{changed} · seed {edit.seed}</p>'
    return f'<div class="words" role="status"><p class="asked">{escape(edit.instruction)}</p>{said}{fine}{notes}</div>'


def progress(done: int, total: int) -> str:
    """How far an edit is."""
    return f'<div class="words" role="status"><p>step {done} of {total}</p><progress max="{total}" value="{done}"></progress></div>'


def hint(history: History | None) -> str:
    """What to do next where there is no result to look at."""
    text = "Drop a picture or take a sample scene to begin." if history is None else "Say what to change, then press Enter."
    return f'<div class="empty" role="status"><p>{text}</p></div>'


def thumbnails(history: History) -> list[tuple[Image.Image, str]]:
    """Every picture small, in the order they were made, with what it is."""
    return [(small(entry.picture, 256), _caption(entry, history)) for entry in history.entries.values()]


def small(picture: Image.Image, longest: int = LONGEST) -> Image.Image:
    """The picture at most `longest` pixels a side."""
    copy = picture.copy()
    copy.thumbnail((longest, longest))
    return copy


def data_uri(picture: Image.Image) -> str:
    """A picture as text that a page can hold."""
    data = io.BytesIO()
    picture.save(data, "WEBP", quality=92)
    return "data:image/webp;base64," + base64.b64encode(data.getvalue()).decode()


def _caption(entry: Entry, history: History) -> str:
    mark = "▶ " if entry.number == history.at else ""
    if entry.parent is None:
        return f"{mark}start"
    return f"{mark}{entry.number} ← {entry.parent or 'start'} · {entry.edit.instruction}"
