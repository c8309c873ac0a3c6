"""`smartedit train`: the recipe, stage by stage."""

from __future__ import annotations

from pathlib import Path

from smartedit.commands.options import command, quiet


def add(commands) -> None:
    """Add the command."""
    train = command(commands, "train", _train, "train a model stage by stage; the same command goes on")
    train.add_argument("size", help="tiny")
    train.add_argument("--data", type=Path, default=Path("data"), metavar="DIR", help="holds train/ and validation/ shards (default: data)")
    train.add_argument("--out", type=Path, default=Path("runs/tiny"), metavar="DIR", help="default: runs/tiny")
    train.add_argument("--stage", metavar="S", help="only this stage (default: all, in order)")
    train.add_argument("--share", type=float, default=1.0, metavar="X", help="share of the full recipe's samples (default: 1)")
    train.add_argument("--minutes", type=float, default=float("inf"), metavar="M", help="stop after this long")
    train.add_argument("--start-from", metavar="NAME|FOLDER", help="take over the weights of this model (new runs only)")
    train.add_argument("--scenes", type=int, default=0, metavar="N", help="scenes to draw for the language side alone (default: 0)")
    train.add_argument("--freeze", nargs="+", default=[], metavar="PART", help="parts that stay as they are, such as text_encoder")
    train.add_argument("--device", metavar="D", help="cpu, cuda or cuda:N (default: the first GPU, else the processor)")
    train.add_argument("--seed", type=int, default=0, metavar="N")


def _train(args) -> None:
    from smartedit import bundles
    from smartedit.assembly import assemble
    from smartedit.training.command import train

    quiet()
    start = bundles.find(args.start_from, "SmartEditPipeline") if args.start_from else None
    train(
        args.size, args.data, args.out, args.stage, args.share, args.minutes, args.seed, start, args.freeze, args.scenes, args.device
    )  # fmt: skip
    for folder in assemble(args.out, args.out / "models"):
        print(f"wrote {folder}")
