"""What several commands share: how a command is made, the options of a model, and loading it."""

from __future__ import annotations

import time
from pathlib import Path

import smartedit

#: The pipelines that a model folder may hold, and the settings that their call takes.
KINDS = ("SmartEditPipeline", "BasePipeline")
CALL = ("num_inference_steps", "guidance_scale", "image_guidance_scale")


def command(commands, name: str, run, help: str):
    """A command called `name` that calls `run(args)`; its parser."""
    made = commands.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".")
    made.add_argument("--debug", action="store_true", help="show where an error came from")
    made.set_defaults(run=run)
    return made


def add_model(command) -> None:
    """The options that say which model edits, and how."""
    command.add_argument("--model", default="tiny", metavar="NAME|FOLDER", help="default: tiny")
    command.add_argument("--device", metavar="D", help="cpu, cuda or cuda:N (default: the first GPU, else the processor)")
    command.add_argument("--llm-bits", type=int, choices=(8, 4), help="load the language model quantised (needs smartedit[quant])")
    add_call(command)


def add_call(command) -> None:
    """The options that say how a model edits."""
    command.add_argument("--steps", type=int, metavar="N", help="denoising steps (default: the model's)")
    command.add_argument("--guidance-scale", type=float, metavar="X", help="how far the words pull; 1 is off")
    command.add_argument("--image-guidance-scale", type=float, metavar="X", help="how far the picture pulls; 1 is off")


def settings(args) -> dict:
    """The settings that a pipeline's call takes, checked; None where the model's own holds."""
    from smartedit import asking

    scales = {name: getattr(args, name) for name in ("guidance_scale", "image_guidance_scale")}
    for name, value in scales.items():
        if value is not None:
            asking.scale(value, name)
    return {"num_inference_steps": args.steps if args.steps is None else asking.steps(args.steps), **scales}


def pipeline(name: str | Path, timings: dict[str, float] | None = None, device: str | None = None, llm_bits: int | None = None):
    """The pipeline of a name or folder, of whichever class it is, on its device, without the progress bars of libraries.

    `timings` is told the seconds for importing the libraries and for loading the weights.
    """
    from smartedit import bundles

    folder = bundles.find(name, *KINDS)
    started = time.perf_counter()
    quiet()
    kind = getattr(smartedit, bundles.index(folder)["_class_name"])
    imported = time.perf_counter()
    from smartedit.machine import settle

    pipe = settle(kind.from_pretrained(folder, **({"llm_bits": llm_bits} if llm_bits else {})), device)
    pipe.set_progress_bar_config(disable=True)
    if timings is not None:
        timings |= {"import": round(imported - started, 4), "load": round(time.perf_counter() - imported, 4)}
    return pipe


def quiet() -> None:
    """Leave the terminal to our own words."""
    import warnings

    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    warnings.simplefilter("ignore")
    for library in (diffusers_logging, transformers_logging):
        library.set_verbosity_error()
        library.disable_progress_bar()
