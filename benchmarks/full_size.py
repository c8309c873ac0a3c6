"""Seconds and memory of full-size edits with random weights, beside the published procedure's shape of work.

    python benchmarks/full_size.py 7b --precision bf16 --device cuda

One Markdown row a phase. `published` repeats what the published scripts do: the language model in float32, one token at a
time (the words of the reply and the edit tokens), then 100 steps of three branches in float16.
"""

from __future__ import annotations

import argparse
import time

import torch
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
    llm(inputs_embeds=embeds, past_key_values=cache, use_cache=True, logits_to_keep=1)
    for token in tail:
        llm(input_ids=torch.tensor([[token]], device=llm.device), past_key_values=cache, use_cache=True)
    if llm.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("size", choices=sorted(PRESETS))
    parser.add_argument("--precision")
    parser.add_argument("--device")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--published", action="store_true", help="also measure the published procedure's shape of work")
    args = parser.parse_args()
    report = rehearse(args.size, args.precision, args.device, args.steps)
    print(f"{report.model}, {report.precision}, {report.device}, {report.steps} steps, {report.weights / 1e9:.2f} GB of weights\n")
    print("| phase | seconds | peak memory, GB |\n| --- | --- | --- |")
    for phase, seconds in report.seconds.items():
        print(f"| {phase} | {seconds:.2f} | {report.peaks[phase] / 1e9:.2f} |")
    print(f"| peak / weights | - | {report.peak / report.weights:.2f} |")
    if args.published:
        print(f"| published: understand, float32, token by token | {token_by_token(args.size, report.device):.2f} | - |")
        halves = rehearse(args.size, "fp32" if args.size == "tiny" else "fp16", args.device, PUBLISHED_STEPS)
        title = f"published: denoise, {PUBLISHED_STEPS} steps x 3 branches, float16"
        print(f"| {title} | {halves.seconds['denoise']:.2f} | {halves.peaks['denoise'] / 1e9:.2f} |")


if __name__ == "__main__":
    main()
