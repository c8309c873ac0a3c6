"""The command line: parse, call one function of the room that owns the work, print.

Nothing heavy is imported before it is needed: `smartedit --help` never loads torch, and words, pictures and places are
checked before a model is loaded.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import smartedit
from smartedit.errors import SmartEditError

#: Exit codes beside 0: what people can mend, and Ctrl-C.
MENDABLE, INTERRUPTED = 2, 130

#: The pipelines that a model folder may hold.
_KINDS = ("SmartEditPipeline", "BasePipeline")


def main(argv: list[str] | None = None) -> int:
    """Run one command; gives the exit code. Mendable errors are one line on stderr (all of it with `--debug`)."""
    args = parser().parse_args(argv)
    try:
        args.run(args)
    except SmartEditError as error:
        if args.debug:
            raise
        print(f"smartedit: {error}", file=sys.stderr)
        return MENDABLE
    except KeyboardInterrupt:
        print("\nsmartedit: interrupted; nothing half-written was left", file=sys.stderr)
        return INTERRUPTED
    return 0


def parser() -> argparse.ArgumentParser:
    """All commands and options."""
    top = argparse.ArgumentParser(prog="smartedit", description="Edit a picture by an instruction that needs understanding.")
    top.add_argument("--version", action="version", version=f"smartedit {smartedit.__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_edit(commands)
    _add_demo(commands)
    _add_world(commands)
    _add_train(commands)
    _add_bench(commands)
    return top


def _command(commands, name: str, run, help: str) -> argparse.ArgumentParser:
    made = commands.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".")
    made.add_argument("--debug", action="store_true", help="show where an error came from")
    made.set_defaults(run=run)
    return made


def _add_edit(commands) -> None:
    edit = _command(commands, "edit", _edit, "edit a picture by an instruction")
    edit.add_argument("picture", help="PNG, JPEG, WebP, GIF, BMP or TIFF")
    edit.add_argument("instruction", help='such as "remove the object that tells the time"')
    edit.add_argument("-o", "--output", metavar="OUT", help="default: PICTURE-edited.png beside the picture")
    edit.add_argument("--seed", type=int, metavar="N", help="the same seed gives the same picture (default: a new one)")
    edit.add_argument("--no-keep-outside", action="store_true", help="take the whole picture from the model")
    edit.add_argument("--json", action="store_true", help="print the result as JSON")
    _add_model(edit)


def _add_demo(commands) -> None:
    demo = _command(commands, "demo", _demo, "render scenes and edit them, one instruction of every kind")
    demo.add_argument("--out", default="demo", metavar="DIR", help="folder for the sheet and its pictures (default: demo)")
    demo.add_argument("--seed", type=int, default=0, metavar="N", help="another seed shows other scenes (default: 0)")
    demo.add_argument("--compare", action="store_true", help="show the base rival beside it")
    demo.add_argument("--model", default="tiny", metavar="NAME|FOLDER", help="default: tiny")


def _add_model(command) -> None:
    command.add_argument("--model", default="tiny", metavar="NAME|FOLDER", help="default: tiny")
    command.add_argument("--steps", type=int, metavar="N", help="denoising steps (default: the model's)")
    command.add_argument("--guidance-scale", type=float, metavar="X", help="how far the words pull; 1 is off")
    command.add_argument("--image-guidance-scale", type=float, metavar="X", help="how far the picture pulls; 1 is off")


def _add_world(commands) -> None:
    world = commands.add_parser("world", help="the rendered world: scenes, edits, contact sheets, datasets")
    kinds = world.add_subparsers(dest="kind", required=True, metavar="COMMAND")
    sample = _command(kinds, "sample", _world_sample, "write a scene: picture, description, masks")
    edit = _command(kinds, "edit", _world_edit, "carry out an edit on a scene: the exact truth")
    sheet = _command(kinds, "sheet", _world_sheet, "draw a contact sheet of before, instruction, after")
    build = _command(kinds, "build", _world_build, "write training pairs that datasets.load_dataset reads; resumes")
    edit.add_argument("scene", help="a scene.json written by: smartedit world sample")
    edit.add_argument("--op", required=True, metavar="JSON", help='such as {"op": "remove", "target": "knife-1"}')
    sheet.add_argument("--rows", type=int, default=6, metavar="N", help="default: 6")
    build.add_argument("--pairs", type=int, required=True, metavar="N")
    build.add_argument("--split", default="train", help="train, validation or test (default: train)")
    build.add_argument("--processes", type=int, metavar="N", help="default: one a core")
    for command in (sample, sheet):
        command.add_argument("--seed", type=int, required=True, metavar="N")
    for command in (sample, sheet, build):
        command.add_argument("--size", type=int, default=256, metavar="PIXELS", help="side of the picture (default: 256)")
    for command in (sample, edit, sheet, build):
        command.add_argument("--out", required=True, metavar="FILE" if command is sheet else "DIR")


def _add_train(commands) -> None:
    train = _command(commands, "train", _train, "train a model stage by stage; the same command goes on")
    train.add_argument("size", help="tiny")
    train.add_argument("--data", type=Path, default=Path("data"), metavar="DIR", help="holds train/ and validation/ shards (default: data)")
    train.add_argument("--out", type=Path, default=Path("runs/tiny"), metavar="DIR", help="default: runs/tiny")
    train.add_argument("--stage", metavar="S", help="only this stage (default: all, in order)")
    train.add_argument("--share", type=float, default=1.0, metavar="X", help="share of the full recipe's samples (default: 1)")
    train.add_argument("--minutes", type=float, default=float("inf"), metavar="M", help="stop after this long")
    train.add_argument("--seed", type=int, default=0, metavar="N")


def _add_bench(commands) -> None:
    bench = _command(commands, "bench", _bench, "measure an editor against the exact truth; resumes")
    bench.add_argument("suite", choices=["world"])
    bench.add_argument("--split", default="validation", choices=["validation", "test"], help="default: validation")
    bench.add_argument("--cases", type=int, default=300, metavar="N", help="default: 300")
    bench.add_argument("--seed", type=int, default=0, metavar="N", help="another seed takes other cases (default: 0)")
    bench.add_argument("--out", default="results", metavar="DIR", help="default: results")
    bench.add_argument("--name", metavar="NAME", help="what the results are filed under (default: the model's name)")
    _add_model(bench)


def _edit(args) -> None:
    from smartedit import asking, images, region

    settings = _settings(args)
    if args.seed is not None:
        asking.seed_number(args.seed)
    asking.instruction(args.instruction)
    picture = images.open(args.picture)
    output = Path(args.output) if args.output else Path(args.picture).with_name(f"{Path(args.picture).stem}-edited.png")
    images.check_writable(output)
    loading: dict[str, float] = {}
    pipe = _pipeline(args.model, loading)
    result = pipe(args.instruction, picture, seed=args.seed, keep_outside=not args.no_keep_outside, **settings)
    images.save(result.images[0], output)
    mask = result.region[0]
    share = mask.histogram()[255] / (mask.width * mask.height)
    timings = {**loading, **result.timings}
    if args.json:
        region_found = {"box": region.box(mask), "share": round(share, 6)}
        told = {"reply": result.reply[0], "region": region_found, "seed": result.seed[0], "timings": timings}
        print(json.dumps({**told, "notes": result.notes[0], "output": str(output)}))
        return
    if result.reply[0]:
        print(result.reply[0])
    spent = sum(result.timings.values())
    print(f"wrote {output} ({share:.0%} of it changed, seed {result.seed[0]}, {spent:.1f} s after {sum(loading.values()):.1f} s of loading)")
    for note in result.notes[0]:
        print(f"note: {note}", file=sys.stderr)


def _demo(args) -> None:
    from smartedit import bundles
    from smartedit.demo import demo

    folder = bundles.find(args.model, *_KINDS)
    folders = [folder, folder.with_name("base")] if args.compare else [folder]
    editors = {folder.name: _pipeline(folder) for folder in folders}
    print(f"wrote {demo(editors, args.out, args.seed)}")


def _world_sample(args) -> None:
    from smartedit.world.files import write_sample

    print(f"wrote {write_sample(args.seed, args.out, args.size)}")


def _world_edit(args) -> None:
    from smartedit.world.files import write_edit

    print(f"wrote {write_edit(args.scene, args.op, args.out)}")


def _world_sheet(args) -> None:
    from smartedit.world.files import write_sheet

    print(f"wrote {write_sheet(args.seed, args.rows, args.out, args.size)}")


def _world_build(args) -> None:
    from smartedit.world.engine import build

    print(f"wrote {build(args.split, args.pairs, args.out, args.processes, args.size)}")


def _train(args) -> None:
    from smartedit.assembly import assemble
    from smartedit.training.command import train

    _quiet()
    train(args.size, args.data, args.out, args.stage, args.share, args.minutes, args.seed)
    for folder in assemble(args.out, args.out / "models"):
        print(f"wrote {folder}")


def _bench(args) -> None:
    from smartedit import bundles
    from smartedit.bench.cases import world_cases
    from smartedit.bench.kept import keep
    from smartedit.bench.report import write_report
    from smartedit.bench.run import ORACLES, run

    settings = _settings(args)
    try:
        cases = keep(world_cases(args.split, args.cases, args.seed), Path(args.out) / "cases")
    except ValueError as error:
        raise SmartEditError(f"{error}; choose other --cases or --seed") from error
    name = args.name or Path(args.model).name
    editor = None
    if args.model not in ORACLES:
        pipe = _pipeline(args.model)
        settings = {**{key: pipe.config[key] for key in settings}, **{k: v for k, v in settings.items() if v is not None}}
        settings["weights"] = bundles.digest(args.model)
        call = {key: value for key, value in settings.items() if key != "weights"}

        def editor(picture, words, seed):
            return pipe(words, picture, seed=seed, **call).images[0]

    run(f"world-{args.split}", editor, name, args.out, cases, args.seed, settings, _progress)
    print(write_report(args.out, cases))


def _progress(done: int, total: int, row) -> None:
    print(f"{done}/{total}  {row['id']}  {'right' if row['success'] else 'wrong'}", file=sys.stderr)


def _settings(args) -> dict:
    """The settings that a pipeline's call takes, checked; None where the model's own holds."""
    from smartedit import asking

    scales = {name: getattr(args, name) for name in ("guidance_scale", "image_guidance_scale")}
    for name, value in scales.items():
        if value is not None:
            asking.scale(value, name)
    return {"num_inference_steps": args.steps if args.steps is None else asking.steps(args.steps), **scales}


def _pipeline(name: str | Path, timings: dict[str, float] | None = None):
    """The pipeline of a name or folder, of whichever class it is, without the progress bars of libraries.

    `timings` is told the seconds for importing the libraries and for loading the weights.
    """
    from smartedit import bundles

    folder = bundles.find(name, *_KINDS)
    started = time.perf_counter()
    _quiet()
    kind = getattr(smartedit, bundles.index(folder)["_class_name"])
    imported = time.perf_counter()
    pipe = kind.from_pretrained(folder)
    pipe.set_progress_bar_config(disable=True)
    if timings is not None:
        timings |= {"import": round(imported - started, 4), "load": round(time.perf_counter() - imported, 4)}
    return pipe


def _quiet() -> None:
    """Leave the terminal to our own words."""
    import warnings

    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    warnings.simplefilter("ignore")
    for library in (diffusers_logging, transformers_logging):
        library.set_verbosity_error()
        library.disable_progress_bar()


if __name__ == "__main__":
    sys.exit(main())
