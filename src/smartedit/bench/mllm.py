"""Ins-align by a model: an OpenAI-compatible server or a local transformers model looks at both pictures and the words.

Temperature 0; the prompt has a version and is printed with every result; answers are kept, so asking again is free;
answers that are no score are counted apart and asked again by the next call.
"""

from __future__ import annotations

import base64
import io
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from smartedit.bench.kept import kept_suite
from smartedit.bench.rows import append_row, mend, read_rows
from smartedit.bench.run import ANSWERED
from smartedit.bench.statistics import mean_with_interval
from smartedit.errors import MissingExtra, ModelError, SmartEditError
from smartedit.images import first_line

PROMPT_VERSION = 1
PROMPT = """You see a picture before and after an edit, and the instruction for the edit.
Instruction: {instruction}
Was the instruction carried out, on the right object and without other changes?
1: yes. 0.5: partly, such as the right object changed imperfectly, or something else changed too. 0: no.
Answer with one line of JSON: {{"score": 0 or 0.5 or 1, "why": "a few words"}}"""

SCORES = (0, 0.5, 1)
#: (before, after, prompt) -> the model's words.
Ask = Callable[[Image.Image, Image.Image, str], str]


def server(url: str, model: str) -> Ask:
    """A model behind an OpenAI-compatible server; the key is taken from OPENAI_API_KEY. Raises MissingExtra."""
    try:
        from openai import OpenAI
    except ImportError as error:
        raise MissingExtra("openai", "bench") from error
    client = OpenAI(base_url=url, api_key=os.environ.get("OPENAI_API_KEY", "none"))

    def ask(before: Image.Image, after: Image.Image, prompt: str) -> str:
        pictures = [{"type": "image_url", "image_url": {"url": _data_url(picture)}} for picture in (before, after)]
        message = {"role": "user", "content": [*pictures, {"type": "text", "text": prompt}]}
        answer = client.chat.completions.create(model=model, temperature=0, max_tokens=200, messages=[message])
        return answer.choices[0].message.content or ""

    return ask


def local(folder: str) -> Ask:
    """A transformers image-text-to-text model on disk, or by its name in the hub. Raises ModelError."""
    from transformers import pipeline

    try:
        model = pipeline("image-text-to-text", model=folder)
    except Exception as error:
        raise ModelError(f"{folder} cannot be loaded as an image-text-to-text model ({first_line(error)}); give another one") from error

    def ask(before: Image.Image, after: Image.Image, prompt: str) -> str:
        content = [*({"type": "image", "image": picture} for picture in (before, after)), {"type": "text", "text": prompt}]
        answer = model(text=[{"role": "user", "content": content}], max_new_tokens=200, do_sample=False, return_full_text=False)
        return answer[0]["generated_text"]

    return ask


@dataclass(frozen=True)
class _Question:
    editor: str
    id: str
    render: Callable
    picture: Path


def judge(out: str | Path, judge_name: str, ask: Ask, progress: Callable[[int, int, dict], None] | None = None) -> int:
    """Ask about every answer in `out` that this judge has not scored yet; how many questions were asked.

    Answers go to `OUT/judgements.jsonl`. What the judge raises, or says instead of a score, is kept as an error.
    """
    path = Path(out) / "judgements.jsonl"
    mend(path)
    scored = {(row["editor"], row["id"]) for row in read_rows(path) if _same(row, judge_name) and row["score"] is not None}
    questions = [question for question in _questions(Path(out)) if (question.editor, question.id) not in scored]
    for number, question in enumerate(questions, start=1):
        row = {"id": question.id, "editor": question.editor, "judge": judge_name, "prompt_version": PROMPT_VERSION}
        row |= _scored(question, ask)
        append_row(path, row)
        if progress:
            progress(number, len(questions), row)
    return len(questions)


def summary(out: str | Path) -> list[dict]:
    """For each judge and version of the prompt: mean score with interval and the errors of every editor; [] if never asked."""
    last = {(row["judge"], row["prompt_version"], row["editor"], row["id"]): row for row in read_rows(Path(out) / "judgements.jsonl")}
    found: dict[tuple, dict[str, list]] = {}
    for (name, version, editor, _), row in last.items():
        found.setdefault((name, version), {}).setdefault(editor, []).append(row["score"])
    return [
        {
            "judge": name,
            "prompt_version": version,
            "prompt": PROMPT if version == PROMPT_VERSION else "(an earlier one)",
            "editors": {editor: _mean(scores) for editor, scores in editors.items()},
        }
        for (name, version), editors in found.items()
    ]


def _mean(scores: list[float | None]) -> dict:
    return mean_with_interval([score for score in scores if score is not None]) | {"errors": scores.count(None)}


def _questions(out: Path) -> Iterator[_Question]:
    folders = sorted(path.parent for path in out.glob("*/run.json"))
    if not folders:
        raise SmartEditError(f"no results in {out}; run: smartedit bench run SUITE --editor NAME --out {out}")
    for folder in folders:
        rows = {row["id"]: row for row in read_rows(folder / "results.jsonl")}
        for case in kept_suite(json.loads((folder / "run.json").read_text()), out).cases:
            if rows.get(case.id, {}).get("status") in ANSWERED:
                yield _Question(folder.name, case.id, case.render, folder / "pictures" / f"{case.id}.png")


def _scored(question: _Question, ask: Ask) -> dict:
    case = question.render()
    try:
        with Image.open(question.picture) as after:
            words = ask(case.picture, after.convert("RGB"), PROMPT.format(instruction=case.instruction))
    except Exception as error:  # a server may fail in any way; it must not end the others
        return {"score": None, "error": f"{type(error).__name__}: {first_line(error)}"[:300]}
    score = read_score(words)
    return {"score": score, "words": words[:500]} | ({} if score is not None else {"error": "no score in the answer"})


def read_score(words: str) -> float | None:
    """The score in a judge's answer, None when there is none of 0, 0.5 and 1."""
    found = re.search(r'"score"\s*:\s*"?(\d+(?:\.\d+)?)', words)
    return float(found[1]) if found and float(found[1]) in SCORES else None


def _same(row: dict, judge_name: str) -> bool:
    return row["judge"] == judge_name and row["prompt_version"] == PROMPT_VERSION


def _data_url(picture: Image.Image) -> str:
    data = io.BytesIO()
    picture.save(data, "PNG")
    return f"data:image/png;base64,{base64.b64encode(data.getvalue()).decode()}"
