"""Everything but the verdict, measured on the stored pictures of a run: `OUT/EDITOR/measures.jsonl`, resumable.

Measuring is apart from asking, so that a network can be added later, or elsewhere, without asking the editor again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from smartedit.bench import networks, preservation
from smartedit.bench.cases import Case, Planned, Suite
from smartedit.bench.rows import append_row, mend, read_rows
from smartedit.bench.run import ANSWERED, Spread
from smartedit.bench.workers import Lost, each


@dataclass(frozen=True)
class Metric:
    """A column of a table: its name there, whether more is better, digits behind the point, and how it is taken."""

    label: str
    more_is_better: bool
    digits: int
    rule: str


_STRICT = "published arithmetic: squashed to 256 x 256, edit area black, mean over all pixels"
_FIXED = "squashed to 256 x 256, mask from 128 on, mean over pixels outside it only"
_FILLED = "edit area filled from the source"
_LPIPS = "torchmetrics, {} backbone, pictures in [-1, 1]"
_CLIP = "100 x cosine of openai/clip-vit-large-patch14 (or the weights given), at least 0, on the crop of the protocol"
_TRUTH = "against the nearest right answer, at its own size"

#: Key of a value -> what it is, in the order of the tables. Those of the judge are in the rows of results already.
METRICS: dict[str, Metric] = {
    "strict.psnr": Metric("PSNR, strict", True, 2, f"dB; {_STRICT}"),
    "strict.mse": Metric("MSE, strict", False, 6, f"values in [0, 1]; {_STRICT}"),
    "strict.ssim": Metric("SSIM, strict", True, 4, f"torchmetrics, Gaussian 11 x 11; {_STRICT}"),
    "strict.lpips": Metric("LPIPS, strict", False, 4, f"{_LPIPS.format('SqueezeNet')}; {_STRICT}"),
    "strict.clip_score": Metric("CLIP score, strict", True, 3, f"{_CLIP}: box of mask > 0, last row and column lost"),
    "fixed.psnr": Metric("PSNR, fixed", True, 2, f"dB, at most 100; {_FIXED}"),
    "fixed.mse": Metric("MSE, fixed", False, 6, f"values in [0, 1]; {_FIXED}"),
    "fixed.ssim": Metric("SSIM, fixed", True, 4, f"torchmetrics, {_FILLED}; {_FIXED}"),
    "fixed.lpips": Metric("LPIPS, fixed", False, 4, f"{_LPIPS.format('SqueezeNet')}, {_FILLED}"),
    "fixed.lpips-alex": Metric("LPIPS Alex, fixed", False, 4, f"{_LPIPS.format('AlexNet')}, {_FILLED}"),
    "fixed.lpips-vgg": Metric("LPIPS VGG, fixed", False, 4, f"{_LPIPS.format('VGG')}, {_FILLED}"),
    "fixed.clip_score": Metric("CLIP score, fixed", True, 3, f"{_CLIP}: box of the white mask grown to a square"),
    "truth.l1": Metric("L1 to truth", False, 4, f"mean absolute difference, values in [0, 1]; {_TRUTH}"),
    "truth.l2": Metric("L2 to truth", False, 5, f"mean squared difference, values in [0, 1]; {_TRUTH}"),
    "truth.clip_i": Metric("CLIP-I", True, 4, f"cosine of CLIP picture features; {_TRUTH}"),
    "truth.dino": Metric("DINO", True, 4, f"cosine of facebook/dino-vits16 class tokens, middle 224 of 256 px; {_TRUTH}"),
    "judge.region_iou": Metric("changed-region IoU", True, 3, "changed by the result against changed by the truth, each by more than 6 of 255"),
    "judge.outside_change": Metric("outside change", False, 5, "mean absolute change outside the true region grown by 6 px, white is 1"),
}


def measure(
    suite: Suite, editors: Sequence[str], out: str | Path, names: Sequence[str] = (), processes: int = 0, spread: Spread | None = None
) -> None:
    """Measure the answers of `editors` in `out` that were not measured yet with the networks `names`.

    Raises SmartEditError for unknown networks and MissingExtra without torchmetrics. A network that cannot be had, and a
    picture that cannot be read, are noted in the row in words.
    """
    networks.check(names)
    todo = [task for editor in editors for task in _unmeasured(suite, editor, Path(out) / editor, names)]
    spread = spread or partial(each, processes=processes)
    for number, found in spread(_Measuring(Path(out), tuple(names)), todo):
        editor, case, _ = todo[number]
        values = {"holes": {"all": found.error}} if isinstance(found, Lost) else found
        append_row(Path(out) / editor / "measures.jsonl", {"id": case.id, "asked": list(names), **values})


def _unmeasured(suite: Suite, editor: str, folder: Path, names: Sequence[str]) -> list[tuple[str, Planned, int]]:
    """(editor, case, index of its nearest truth) of answers for which some of the networks were not asked yet."""
    mend(folder / "measures.jsonl")
    known = measures(folder / "measures.jsonl")
    answered = {row["id"]: row.get("truth", 0) for row in read_rows(folder / "results.jsonl") if row["status"] in ANSWERED}
    return [
        (editor, case, answered[case.id]) for case in suite.cases
        if case.id in answered and (case.id not in known or not set(names) <= set(known[case.id]["asked"]))
    ]  # fmt: skip


def measures(path: Path) -> dict[str, dict]:
    """Id -> its values, holes and what was asked for, later rows of a `measures.jsonl` completing earlier ones."""
    found: dict[str, dict] = {}
    for row in read_rows(path):
        old = found.get(row["id"], {"values": {}, "holes": {}, "asked": []})
        values = old["values"] | row.get("values", {})
        holes = {key: why for key, why in (old["holes"] | row.get("holes", {})).items() if key not in values}
        found[row["id"]] = {"values": values, "holes": holes, "asked": old["asked"] + row["asked"]}
    return found


@dataclass(frozen=True)
class _Measuring:
    """The job: (editor, case, index of the nearest truth) -> values and holes."""

    out: Path
    names: tuple[str, ...]

    def open(self) -> Callable[[tuple[str, Planned, int]], dict]:
        return lambda task: self._measure(*task)

    def _measure(self, editor: str, planned: Planned, truth: int) -> dict:
        case = planned.render()
        try:
            with Image.open(self.out / editor / "pictures" / f"{case.id}.png") as picture:
                result = picture.convert("RGB")
        except OSError as error:
            return {"holes": {"all": f"{case.id}.png cannot be read ({error}); delete the run's rows of it and run again"}}
        found = all_values(case, result, self.names, truth)
        return {"values": {key: plain(value) for key, value in found.items() if not isinstance(value, str)},
                "holes": {key: value for key, value in found.items() if isinstance(value, str)}}  # fmt: skip


def all_values(case: Case, result: Image.Image, names: Sequence[str] = (), truth: int = 0) -> dict[str, float | str]:
    """Every one of `METRICS` that this case allows; a str says why a network's value is missing."""
    found: dict[str, float | str] = {}
    if case.mask is not None and not case.earlier:
        for protocol, prepare in preservation.PROTOCOLS.items():
            prepared = prepare(case, result)
            most = preservation.MOST_PSNR if protocol == "fixed" else float("inf")
            values = preservation.measure(prepared, most) | networks.of_protocol(names, case, prepared)
            found |= {f"{protocol}.{key}": value for key, value in values.items()}
    if case.truths:
        answer = case.truths[truth]
        sized = result if result.size == answer.size else result.resize(answer.size, Image.Resampling.BICUBIC)
        gap = (np.asarray(sized, np.float64) - np.asarray(answer, np.float64)) / 255
        values = {"l1": float(np.abs(gap).mean()), "l2": float(np.square(gap).mean())} | networks.of_truth(names, sized, answer)
        found |= {f"truth.{key}": value for key, value in values.items()}
    return {key: value for key, value in found.items() if key in METRICS}


def plain(value: float) -> float | str:
    """A number as JSON can hold it: seven digits, infinity as the word "inf" (which `float` reads)."""
    return str(value) if value in (float("inf"), float("-inf")) else float(f"{value:.7g}")

