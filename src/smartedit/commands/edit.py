"""`smartedit edit` and `smartedit demo`: the editor, and a tour of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from smartedit.commands.options import KINDS, add_model, command, pipeline, quiet, settings
from smartedit.errors import SmartEditError
from smartedit.images import FITS


def add(commands) -> None:
    """Add both commands."""
    _add_edit(commands)
    _add_demo(commands)


def _add_edit(commands) -> None:
    edit = command(commands, "edit", _edit, "edit a picture by an instruction")
    edit.add_argument("picture", nargs="?", help="PNG, JPEG, WebP, GIF, BMP or TIFF")
    edit.add_argument("instruction", nargs="?", help='such as "remove the object that tells the time"')
    edit.add_argument("-o", "--output", metavar="OUT", help="default: PICTURE-edited.png beside the picture")
    edit.add_argument("--seed", type=int, metavar="N", help="the same seed gives the same picture (default: a new one)")
    edit.add_argument("--no-keep-outside", action="store_true", help="take the whole picture from the model")
    edit.add_argument("--size", type=int, metavar="N", help="working size in pixels: 256, 384, 512 (default: the model's)")
    edit.add_argument("--fit", choices=FITS, help="how the picture is brought to it; squash is the published way (default: the model's)")
    edit.add_argument("--dry-run", action="store_true", help="real size, random weights: seconds and memory of an edit by tiny, 7b or 13b")
    edit.add_argument("--precision", metavar="P", help="of a dry run: bf16 (default), fp16 or fp32")
    edit.add_argument("--json", action="store_true", help="print the result as JSON")
    add_model(edit)


def _add_demo(commands) -> None:
    demo = command(commands, "demo", _demo, "render scenes and edit them, one instruction of every kind")
    demo.add_argument("--out", default="demo", metavar="DIR", help="folder for the sheet and its pictures (default: demo)")
    demo.add_argument("--seed", type=int, default=0, metavar="N", help="another seed shows other scenes (default: 0)")
    demo.add_argument("--compare", action="store_true", help="show the base rival beside it")
    demo.add_argument("--model", default="tiny", metavar="NAME|FOLDER", help="default: tiny")


def _edit(args) -> None:
    from smartedit import asking, images, region
    from smartedit.machine import is_short

    if args.dry_run:
        return _rehearse(args)
    if args.picture is None or args.instruction is None:
        raise SmartEditError('give a picture and an instruction, such as: smartedit edit photo.jpg "remove the red apple"')
    asked = {**settings(args), "picture_size": args.size, "fit": args.fit}
    if args.seed is not None:
        asking.seed_number(args.seed)
    asking.instruction(args.instruction)
    picture = images.open(args.picture)
    output = Path(args.output) if args.output else Path(args.picture).with_name(f"{Path(args.picture).stem}-edited.png")
    images.check_writable(output)
    loading: dict[str, float] = {}
    pipe = pipeline(args.model, loading, args.device, args.llm_bits)
    pipe.single_use = is_short(pipe)
    result = pipe(args.instruction, picture, seed=args.seed, keep_outside=not args.no_keep_outside, **asked)
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


def _rehearse(args) -> None:
    from dataclasses import asdict

    from smartedit import asking
    from smartedit.rehearsal import rehearse

    quiet()
    steps = None if args.steps is None else asking.steps(args.steps)
    report = rehearse(args.model, args.precision, args.device, steps, args.size)
    print(json.dumps(asdict(report)) if args.json else "\n".join(report.lines()))


def _demo(args) -> None:
    from smartedit import bundles
    from smartedit.demo import demo

    folder = bundles.find(args.model, *KINDS)
    folders = [folder, folder.with_name("base")] if args.compare else [folder]
    editors = {folder.name: pipeline(folder) for folder in folders}
    print(f"wrote {demo(editors, args.out, args.seed)}")
