"""A full-size edit without the weights: the real architecture, random numbers, seconds and peak memory of every phase."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import psutil
import torch
from accelerate import init_empty_weights
from PIL import Image
from torch import Tensor, nn

from smartedit.conversation import PUBLISHED, TINY, build_tokenizer
from smartedit.errors import ModelError, SmartEditError
from smartedit.machine import OVERHEAD, rooms, settle
from smartedit.models.presets import build, build_scheduler, get_preset
from smartedit.pipeline import SmartEditPipeline

DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32, "fp16": torch.float16}

#: Llama's vocabulary with the tokens that SmartEdit adds.
VOCABULARY = 32035

_ASK = "remove the smaller cat on the left"


@dataclass
class Watch:
    """Seconds and peak memory of whatever goes on between two calls of `mark`, in bytes; `baseline` is what was there before."""

    device: str
    seconds: dict[str, float] = field(default_factory=dict)
    peaks: dict[str, int] = field(default_factory=dict)
    baseline: int = 0
    _label: str = ""
    _since: float = 0.0

    def __enter__(self) -> Watch:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.baseline = self._now()
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.mark("")
        self._stop.set()
        self._thread.join()

    def mark(self, label: str) -> None:
        """From here on time and memory count for `label`."""
        now = time.perf_counter()
        self._note()
        if self._label:
            self.seconds[self._label] = self.seconds.get(self._label, 0.0) + now - self._since
        self._label, self._since = label, now
        if self.device != "cpu":
            torch.cuda.reset_peak_memory_stats(self.device)

    def _sample(self) -> None:
        while not self._stop.wait(0.05):
            self._note()

    def _note(self) -> None:
        if self._label:
            self.peaks[self._label] = max(self.peaks.get(self._label, 0), self._now())

    def _now(self) -> int:
        if self.device != "cpu":
            return torch.cuda.max_memory_allocated(self.device)
        return psutil.Process().memory_info().rss


@dataclass
class Report:
    """What a rehearsal found: bytes of the weights, and of every phase the seconds and the peak memory in bytes."""

    model: str
    precision: str
    device: str
    steps: int
    weights: int
    seconds: dict[str, float]
    peaks: dict[str, int]

    @property
    def peak(self) -> int:
        """The most memory that was in use."""
        return max(self.peaks.values())

    def lines(self) -> list[str]:
        """For people."""
        rows = [f"{name:<10} {self.seconds[name]:>8.1f} s {self.peaks[name] / 1e9:>8.2f} GB" for name in self.seconds]
        head = f"{self.model}, {self.precision}, {self.device}, {self.steps} steps, random weights: {self.weights / 1e9:.2f} GB"
        return [head, *rows, f"peak       {self.peak / 1e9:.2f} GB, {self.peak / self.weights:.2f} x the weights"]


def rehearse(
    name: str, precision: str | None = None, device: str | None = None, steps: int | None = None, picture_size: int | None = None
) -> Report:
    """Build a size with random weights, run one edit of a grey picture, and measure it.

    `precision` is one of `DTYPES`, by default bf16, and fp32 for `tiny`, whose autoencoder knows nothing else.
    Raises ModelError for an unknown size or precision and SmartEditError where memory does not suffice (before any is taken).
    """
    known = ("fp32",) if name == "tiny" else tuple(DTYPES)
    precision = precision or ("fp32" if name == "tiny" else "bf16")
    if precision not in known:
        raise ModelError(f"a dry run of {name} knows {', '.join(known)}, not {precision}")
    dtype = DTYPES[precision]
    places = {room.device: room for room in rooms()}
    where = next(iter(places)) if device in (None, "auto") else "cuda:0" if device == "cuda" else device
    weights = _bytes(name, dtype)
    if where in places and weights * OVERHEAD > places[where].free:
        needs, free = (f"{size / 1e9:.1f} GB" for size in (weights * OVERHEAD, places[where].free))
        raise SmartEditError(f"{name} in {precision} takes {needs} of {where}, {free} are free; close other programs")
    with Watch(where) as watch:
        watch.mark("build")
        pipe = settle(random_pipeline(name, dtype), where)
        pipe.single_use = where == "cpu"
        _edit(pipe, watch, steps, picture_size)
    return Report(name, precision, where, pipe.scheduler.num_inference_steps, weights, watch.seconds, watch.peaks)


def _edit(pipe: SmartEditPipeline, watch: Watch, steps: int | None, picture_size: int | None) -> None:
    """One edit, its phases told to the watch as they begin."""
    understand, condition = pipe.understand, pipe.condition

    def understand_watched(*args, **options):
        watch.mark("understand")
        return understand(*args, **options)

    def condition_watched(*args, **options):
        watch.mark("condition")
        found = condition(*args, **options)
        watch.mark("denoise")
        return found

    def after_step(pipe, step, t, values):
        if step == len(pipe.scheduler.timesteps) - 1:
            watch.mark("decode")
        return values

    pipe.understand, pipe.condition = understand_watched, condition_watched
    pipe.set_progress_bar_config(disable=True)
    watch.mark("encode")
    picture = Image.new("RGB", (384, 256), "grey")
    pipe(_ASK, picture, seed=0, num_inference_steps=steps, picture_size=picture_size, callback_on_step_end=after_step)


def random_pipeline(name: str, dtype: torch.dtype) -> SmartEditPipeline:
    """A pipeline of a preset's sizes, its weights random and never held in more than `dtype`."""
    template = TINY if name == "tiny" else PUBLISHED
    words = sorted({*f"{template.system} {template.human} {template.answer} {_ASK}".lower().split()})
    fill = VOCABULARY - len(build_tokenizer(words))
    tokenizer = build_tokenizer([*words, *(f"{'abcdefghij'[n % 10]}w{n}" for n in range(fill))])
    with init_empty_weights():
        parts = build(name, len(tokenizer))
    del parts["text_encoder"]
    for part in parts.values():
        fill_randomly(part, dtype)
    settings = {} if name == "tiny" else {
        "template": PUBLISHED.name, "fit": "shorter", "only_rendered": False, "num_inference_steps": 100, "guidance_scale": 7.5,
        "image_guidance_scale": 1.5,
    }  # fmt: skip
    return SmartEditPipeline(**parts, scheduler=build_scheduler(name), tokenizer=tokenizer, **settings)


def fill_randomly(part: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Give every parameter memory and small numbers, norms ones, out of one random block: as fast as copying. Gives the part."""
    block = torch.randn(2**20, generator=torch.Generator().manual_seed(0)).mul_(0.02).to(dtype)
    for module in part.modules():
        for key, empty in list(module.named_parameters(recurse=False)):
            values = torch.empty(empty.shape, dtype=dtype)
            if empty.ndim == 1:
                values.fill_(1.0 if key == "weight" else 0.0)
            else:
                _tile(values.view(-1), block)
            module.register_parameter(key, nn.Parameter(values, requires_grad=False))
    return part.eval()


def _tile(values: Tensor, block: Tensor) -> None:
    for start in range(0, len(values), len(block)):
        room = values[start : start + len(block)]
        room.copy_(block[: len(room)])


def _bytes(name: str, dtype: torch.dtype) -> int:
    get_preset(name)
    with torch.device("meta"):
        parts = build(name)
    return sum(t.numel() * dtype.itemsize for key, part in parts.items() if key != "text_encoder" for t in part.parameters())
