"""Seconds and memory of full-size edits with random weights, beside the published procedure's shape of work.

    python benchmarks/full_size.py 7b --precision bf16 --device cuda

The table goes to docs/performance.md, one row a phase. `--published` repeats what the published scripts do: the language
model in float32, one token at a time (the words of the reply and the edit tokens), then 100 steps of three branches in
float16.
"""

from __future__ import annotations

import argparse
import time

import torch
from figures import UNMEASURED, keep, kept, machine, where
from transformers import DynamicCache

from smartedit import conversation
from smartedit.machine import settle
from smartedit.models.presets import PRESETS
from smartedit.rehearsal import random_pipeline, rehearse

PUBLISHED_STEPS = 100


@torch.no_grad()
def token_by_token(name: str, device: str) -> float:
    """Seconds to read prompt and picture and then feed reply and edit tokens singly, in float32."""
    pipe = settle(random_pipeline(name, torch.float32), device)
    template = conversation.TEMPLATES[pipe.config.template]
    llm, patches = pipe.language_model, PRESETS[name].patches
    tail = [*conversation.encode(pipe.tokenizer, template.answer), *conversation.edit_ids(pipe.tokenizer)]
    length = len(conversation.edit_prompt(pipe.tokenizer, "remove the smaller cat on the left", template)) - 1 + patches
    started, cache = time.perf_counter(), DynamicCache()
    embeds = torch.zeros(1, length, llm.config.hidden_size, device=llm.device)
    llm(None, None, None, cache, inputs_embeds=embeds, use_cache=True, logits_to_keep=1)
    for token in tail:
        llm(torch.tensor([[token]], device=llm.device), None, None, cache, use_cache=True)
    if llm.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def table(results: dict) -> str:
    """The Markdown table of everything that was measured, one row a phase."""
    if not results:
        return UNMEASURED
    lines = ["| size, precision, place, steps | phase | seconds | peak memory, GB |", "| --- | --- | ---: | ---: |"]
    for title, found in results.items():
        for phase, seconds in found["seconds"].items():
            peak = found["peaks"].get(phase)
            lines.append(f"| {title} | {phase} | {seconds:.1f} | {f'{peak / 1e9:.2f}' if peak else '-'} |")
        lines.append(
            f"| {title} | peak / weights ({found['weights'] / 1e9:.2f} GB) | | {found['peak'] / found['weights']:.2f} |"
        )
    places = dict.fromkeys(where(found["machine"]) for found in results.values())
    return "\n".join([*lines, "", f"({'; '.join(places)})"])


def measured(
    size: str, precision: str | None, device: str | None, steps: int | None, published: bool
) -> tuple[str, dict]:
    """A title and the figures of one edit, with those of the published shape of work where wanted."""
    report = rehearse(size, precision, device, steps)
    seconds, peaks = dict(report.seconds), dict(report.peaks)
    if published:
        seconds["published: understand, float32, token by token"] = token_by_token(size, report.device)
        halves = rehearse(size, "fp32" if size == "tiny" else "fp16", device, PUBLISHED_STEPS)
        title = f"published: denoise, {PUBLISHED_STEPS} steps x 3 branches, float16"
        seconds[title], peaks[title] = halves.seconds["denoise"], halves.peaks["denoise"]
    title = f"{report.model}, {report.precision}, {report.device}, {report.steps}"
    return title, {
        "machine": machine(),
        "weights": report.weights,
        "peak": report.peak,
        "seconds": seconds,
        "peaks": peaks,
    }


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("size", choices=sorted(PRESETS))
    parser.add_argument("--precision")
    parser.add_argument("--device")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--published", action="store_true", help="also measure the published procedure's shape of work")
    args = parser.parse_args()
    title, found = measured(args.size, args.precision, args.device, args.steps, args.published)
    print(table({title: found}))
    results = {**kept("full-size"), title: found}
    keep("full-size", results, table(results))


if __name__ == "__main__":
    main()
