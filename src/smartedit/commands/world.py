"""`smartedit world ...`: scenes, exact edits, contact sheets and datasets of the rendered world."""

from __future__ import annotations

from smartedit.commands.options import command


def add(commands) -> None:
    """Add the command and its kinds."""
    world = commands.add_parser("world", help="the rendered world: scenes, edits, contact sheets, datasets")
    kinds = world.add_subparsers(dest="kind", required=True, metavar="COMMAND")
    sample = command(kinds, "sample", _sample, "write a scene: picture, description, masks")
    edit = command(kinds, "edit", _edit, "carry out an edit on a scene: the exact truth")
    sheet = command(kinds, "sheet", _sheet, "draw a contact sheet of before, instruction, after")
    build = command(kinds, "build", _build, "write training pairs that datasets.load_dataset reads; resumes")
    edit.add_argument("scene", help="a scene.json written by: smartedit world sample")
    edit.add_argument("--op", required=True, metavar="JSON", help='such as {"op": "remove", "target": "knife-1"}')
    sheet.add_argument("--rows", type=int, default=6, metavar="N", help="default: 6")
    build.add_argument("--pairs", type=int, required=True, metavar="N")
    build.add_argument("--split", default="train", help="train, validation or test (default: train)")
    build.add_argument("--first", type=int, default=0, metavar="N", help="the split's scene to begin at, a multiple of 64 (default: 0)")
    build.add_argument("--processes", type=int, metavar="N", help="default: one a core")
    for one in (sample, sheet):
        one.add_argument("--seed", type=int, required=True, metavar="N")
    for one in (sample, sheet, build):
        one.add_argument("--size", type=int, default=256, metavar="PIXELS", help="side of the picture (default: 256)")
    for one in (sample, edit, sheet, build):
        one.add_argument("--out", required=True, metavar="FILE" if one is sheet else "DIR")


def _sample(args) -> None:
    from smartedit.world.files import write_sample

    print(f"wrote {write_sample(args.seed, args.out, args.size)}")


def _edit(args) -> None:
    from smartedit.world.files import write_edit

    print(f"wrote {write_edit(args.scene, args.op, args.out)}")


def _sheet(args) -> None:
    from smartedit.world.files import write_sheet

    print(f"wrote {write_sheet(args.seed, args.rows, args.out, args.size)}")


def _build(args) -> None:
    from smartedit.world.engine import build

    print(f"wrote {build(args.split, args.pairs, args.out, args.processes, args.size, first=args.first)}")
