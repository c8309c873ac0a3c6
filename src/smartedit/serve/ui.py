"""The page in the browser: what is on it, and what happens when something is pressed.

Every act turns one `History` into the next, and `_Page.painted` shows a history; no component holds state of its own. The work
is `studio`'s, what pictures look like is `shown`'s.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import closing
from importlib.resources import files
from typing import Any

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported; the page works without a network

import gradio as gr
import numpy as np
from PIL import Image

from smartedit import asking, images
from smartedit.errors import SmartEditError
from smartedit.serve import shown
from smartedit.serve.history import History
from smartedit.serve.stepping import Step
from smartedit.serve.studio import MOST_CANDIDATES, Studio, Wish

#: Largest file that is taken, and instructions that are suggested for a sample scene.
MOST_BYTES, SUGGESTIONS = "100mb", 3


def build(studio: Studio) -> gr.Blocks:
    """The page over a studio, not yet served."""
    with gr.Blocks(title="SmartEdit", analytics_enabled=False, delete_cache=(600, 3600), fill_width=True) as blocks:
        page = _Page(studio)
        first = [page.sample, page.edit]  # shown before the browser listens to them, so not to be pressed until the page has loaded
        blocks.load(lambda: [gr.update(interactive=True) for _ in first], outputs=first, show_progress="hidden", api_visibility="private")
    return blocks


def launch(blocks: gr.Blocks, host: str, port: int, browser: bool = False) -> str:
    """Serve the page on threads of its own and give its address.

    Raises SmartEditError when the address cannot be used.
    """
    plain = ("system-ui", "-apple-system", "Segoe UI", "sans-serif")  # no fonts are fetched
    theme = gr.themes.Soft(primary_hue="indigo", neutral_hue="slate", radius_size="lg", font=plain, font_mono=("ui-monospace", "monospace"))
    try:
        _, address, _ = blocks.queue(max_size=64).launch(
            server_name=host, server_port=port, inbrowser=browser, prevent_thread_lock=True, quiet=True, share=False, ssr_mode=False,
            theme=theme, css=files("smartedit.serve").joinpath("ui.css").read_text("utf-8"), footer_links=[], run_history=False,
            max_file_size=MOST_BYTES, show_error=False,
        )  # fmt: skip
    except OSError as error:
        raise SmartEditError(f"cannot serve at {host}:{port} ({images.first_line(error)}); choose another --port") from error
    return address


class _Page:
    """The components and what they do."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self._running: dict[str, threading.Event] = {}  # the edit of each visit; set to stop it
        self.history = gr.State(None)
        gr.HTML('<header class="title"><h1>SmartEdit</h1><p>Say what to change; everything else stays as it is.</p></header>')
        with gr.Row(equal_height=False):
            with gr.Column(min_width=320):
                self._ask()
            with gr.Column(min_width=320):
                self._answer()
        self.pictures = _gallery("History: press a picture to go on from there", "history")
        self.all = [value for value in vars(self).values() if isinstance(value, (gr.components.Component, gr.State))] + self.suggestions
        self._wire()

    def _ask(self) -> None:
        """The left half: picture, words, and how."""
        self.picture = gr.Image(label="Picture", sources=["upload", "clipboard"], height=340, buttons=[], elem_id="picture")
        self.sample = gr.Button("Sample scene", size="sm", interactive=False, elem_id="sample")
        self.suggestions = [gr.Button(visible=False, size="sm", elem_classes="suggestion") for _ in range(SUGGESTIONS)]
        self.words = gr.Textbox(label="Instruction", placeholder="remove the object that tells the time", max_lines=4, elem_id="instruction")
        with gr.Row():
            self.edit = gr.Button("Edit", variant="primary", interactive=False, elem_id="edit")
            self.stop = gr.Button("Stop", variant="stop", visible=False, elem_id="stop")
        with gr.Accordion("Mask: change nothing outside a painted region", open=False, elem_id="mask-fold"):
            self.mask = gr.ImageMask(show_label=False, type="pil", sources=[], transforms=[], layers=False, elem_id="mask",
                                     brush=gr.Brush(default_size=24, colors=["#ff4081"], color_mode="fixed"), buttons=[])  # fmt: skip
        with gr.Accordion("Advanced", open=False, elem_id="advanced"):
            self._advanced()

    def _advanced(self) -> None:
        defaults = self.studio.pipe.config
        self.count = gr.Slider(1, MOST_CANDIDATES, value=1, step=1, label="Candidates side by side")
        self.seed = gr.Textbox("", label="Seed", placeholder="a new one each time", max_lines=1, elem_id="seed")
        self.steps = gr.Slider(1, 100, value=defaults.num_inference_steps, step=1, label="Denoising steps")
        self.guidance = gr.Slider(0, 15, value=defaults.guidance_scale, step=0.1, label="Guidance by the words (1 is off)")
        self.image_guidance = gr.Slider(0, 5, value=defaults.image_guidance_scale, step=0.1, label="Picture guidance (1 is off)")
        self.keep = gr.Checkbox(True, label="Leave every pixel outside the changed region as it is")
        self.ending = gr.Radio([".png", ".jpg", ".webp"], value=".png", label="File to download")

    def _answer(self) -> None:
        """The right half: the result and what to do with it."""
        with gr.Tabs():
            with gr.Tab("Before and after"):
                self.compare = gr.HTML(shown.hint(None), elem_id="compare")
            with gr.Tab("Changed region"):
                self.region = gr.Image(label="Changed region in colour", interactive=False, height=420, buttons=["fullscreen"], elem_id="region")
        self.told = gr.HTML(elem_id="told")
        self.candidates = _gallery("Candidates: press one to look at it", "candidates")
        with gr.Row():
            self.use = gr.Button("Use result as input", size="md", min_width=190, interactive=False, elem_id="use")
            self.undo = gr.Button("Undo", size="md", min_width=90, interactive=False, elem_id="undo")
            self.download = gr.DownloadButton("Download", size="md", min_width=90, interactive=False, elem_id="download")

    def _wire(self) -> None:
        """Which press calls what; whatever changes the picture stops a running edit."""
        how = [self.count, self.seed, self.steps, self.guidance, self.image_guidance, self.keep, self.mask]
        quiet = {"outputs": self.all, "show_progress": "hidden", "api_visibility": "private"}
        seen = [self.history, self.ending]
        # An edit leaves the input alone (the mask's editor would send its strokes anew at every step), and one that is
        # pressed while a stopped one still ends is not lost.
        results = [component for component in self.all if component not in (self.picture, self.mask)]
        gr.on([self.edit.click, self.words.submit], self._edited, [*seen, self.words, *how], concurrency_limit=1,
              **{**quiet, "outputs": results, "trigger_mode": "multiple"})  # fmt: skip
        # Not preprocessed: `images.open` treats every format, and everything that is wrong with a file, as elsewhere.
        self.picture.upload(self._opened, [*seen, self.picture], preprocess=False, **quiet)
        self.picture.clear(self._press(lambda history: None), seen, **quiet)
        self.sample.click(self._sampled, self.ending, **{**quiet, "show_progress": "minimal", "show_progress_on": self.picture})
        self.stop.click(self._press(lambda history: history), seen, **quiet)
        self.undo.click(self._press(History.undo), seen, **quiet)
        self.use.click(self._press(lambda history: history.go(history.shown)), seen, **quiet)
        self.pictures.select(self._choose(lambda history, index: history.go(list(history.entries)[index])), seen, **quiet)
        self.candidates.select(self._choose(lambda history, index: history.show(history.candidates()[index].number)), seen, **quiet)
        self.ending.change(lambda *seen: seen[0] and self.studio.write(*seen), seen, **{**quiet, "outputs": self.download})
        for act in (self.edit.click, self.words.submit):  # on a phone the result lies below
            act(None, js="() => document.getElementById('compare').scrollIntoView({block: 'nearest', behavior: 'smooth'})")
        for button in self.suggestions:
            button.click(lambda text: text, button, **{**quiet, "outputs": self.words})

    def _press(self, change: Callable[[History], History | None]) -> Callable:
        """A press that turns the history into another."""

        def press(history: History | None, ending: str, request: gr.Request) -> dict:
            self._halt(request)
            return self.painted(history and change(history), ending, history)

        return press

    def _choose(self, change: Callable[[History, int], History]) -> Callable:
        """A press on one of several pictures."""

        def choose(history: History, ending: str, request: gr.Request, event: gr.SelectData) -> dict:
            self._halt(request)
            return self.painted(change(history, event.index), ending, history)

        return choose

    def _opened(self, history: History | None, ending: str, sent: dict, request: gr.Request) -> dict:
        self._halt(request)
        try:
            return self.painted(self.studio.open(sent["path"], sent.get("orig_name")), ending) | self._suggested([])
        except SmartEditError as error:
            gr.Warning(f"This picture cannot be opened: {error}.")
            return self.painted(history, ending)

    def _sampled(self, ending: str, request: gr.Request) -> dict:
        self._halt(request)
        history, suggestions = self.studio.sample()
        return self.painted(history, ending) | self._suggested(suggestions)

    def _edited(self, history: History | None, ending: str, request: gr.Request, words: str, *how):
        """The running edit: its steps as they come, then its result; nothing more once something else was pressed."""
        if history is None:
            gr.Warning("There is nothing to edit yet: drop a picture or take a sample scene first.")
            yield {self.told: ""}
            return
        stop = self._running[request.session_hash] = threading.Event()
        yield {self.edit: gr.update(visible=False), self.stop: gr.update(visible=True), self.told: shown.hint(history)}
        try:
            with closing(self.studio.edit(history, words, _wish(history, *how))) as work:
                for news in work:
                    if stop.is_set():
                        break
                    yield self._on_the_way(history, news) if isinstance(news, Step) else self.painted(news, ending, history)
            return
        except SmartEditError as error:
            gr.Warning(f"This cannot be done: {error}.")
        except Exception:  # whatever it was, the page goes on, and says so in words
            traceback.print_exc(file=sys.stderr)
            gr.Warning("The edit failed: something went wrong inside, and the terminal tells what. Try again.")
        yield self.painted(history, ending, history)

    def _halt(self, request: gr.Request) -> None:
        """Stop the edit that this visit has running, for something else was pressed."""
        if request.session_hash in self._running:
            self._running.pop(request.session_hash).set()

    def _on_the_way(self, history: History, step: Step) -> dict:
        news = {self.told: shown.progress(step.done, step.total)}
        if step.picture is not None:
            news[self.compare] = shown.before_and_after(history.input.picture, self.studio.restored(step.picture, history.input.picture))
        return news

    def _suggested(self, suggestions: list[str]) -> dict:
        texts = [*suggestions, *[""] * SUGGESTIONS][:SUGGESTIONS]
        return {button: gr.update(value=text, visible=bool(text)) for button, text in zip(self.suggestions, texts, strict=True)}

    def painted(self, history: History | None, ending: str = ".png", was: History | None = None) -> dict[Any, Any]:
        """What every component shows of a history; where the input is still that of `was`, it is left, and the mask on it."""
        result = history and history.result
        candidates = history.candidates() if result else []
        news = {
            self.history: history,
            self.compare: shown.before_and_after(history.input.picture, result.picture) if result else shown.hint(history),
            self.region: shown.overlay(result) if result else None,
            self.told: shown.words(result) if result else "",
            self.candidates: gr.update(value=[shown.small(one.picture, 512) for one in candidates], visible=len(candidates) > 1),
            self.use: gr.update(interactive=bool(result)),
            self.undo: gr.update(interactive=bool(history) and history.can_undo()),
            self.download: gr.update(value=history and self.studio.write(history, ending), interactive=bool(history)),
            self.pictures: gr.update(value=shown.thumbnails(history) if history else [], visible=bool(history) and len(history.entries) > 1),
            self.edit: gr.update(visible=True),
            self.stop: gr.update(visible=False),
        }
        if not (history and was and history.input is was.input):
            before = history and shown.small(history.input.picture)
            news |= {self.picture: before, self.mask: before and {"background": before, "layers": [], "composite": None}}
        return news


def _gallery(label: str, name: str) -> gr.Gallery:
    """Pictures to press."""
    return gr.Gallery(label=label, columns=MOST_CANDIDATES, height="auto", allow_preview=False, interactive=False, buttons=[], visible=False,
                      elem_id=name, elem_classes="pictures")  # fmt: skip


def _wish(history: History, count, seed, steps, guidance_scale, image_guidance_scale, keep_outside, painted) -> Wish:
    """The settings on the page as a wish."""
    mask = _mask(painted, history.input.picture.size)
    return Wish(int(steps), guidance_scale, image_guidance_scale, int(count), _seed(seed), keep_outside, mask)


def _seed(typed: str | None) -> int | None:
    """The seed that was typed; None for none."""
    text = (typed or "").strip()
    if text and not text.isdecimal():
        raise SmartEditError(f"seed is {images.printable(text)}; give a whole number, or nothing for a new one each time")
    return asking.seed_number(int(text)) if text else None


def _mask(painted: dict | None, size: tuple[int, int]) -> Image.Image | None:
    """White where strokes are, in the picture's size; None where there are none."""
    layers = (painted or {}).get("layers") or ()
    strokes = [np.asarray(layer.getchannel("A").resize(size, Image.Resampling.NEAREST)) > 0 for layer in layers]
    mask = np.any(strokes, axis=0) if strokes else np.zeros(1, bool)
    return Image.fromarray(mask.astype(np.uint8) * 255) if mask.any() else None
