"""`smartedit batch`: the same editor over a folder of pictures, on one machine or many."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from smartedit.commands.options import KINDS, add_model, command, pipeline, settings
from smartedit.errors import SmartEditError


def add(commands) -> None:
    """Add the command."""
    batch = command(commands, "batch", _batch, "edit a folder of pictures; the same command again goes on")
    batch.add_argument("folder", type=Path, metavar="INPUT", help="folder with pictures, sub-folders included")
    what = batch.add_mutually_exclusive_group(required=True)
    what.add_argument("--instruction", metavar="WORDS", help="one instruction for every picture")
    what.add_argument("--table", type=Path, metavar="FILE", help="CSV with the columns picture, instruction and perhaps seed, output")
    batch.add_argument("--out", type=Path, required=True, metavar="DIR", help="results keep their names and sub-folders")
    batch.add_argument("--seed", type=int, default=0, metavar="N", help="noise of every picture (default: 0)")
    batch.add_argument("--overwrite", action="store_true", help="replace files in DIR that another edit made")
    batch.add_argument("--no-keep-outside", action="store_true", help="take the whole picture from the model")
    batch.add_argument("--ray", nargs="?", const="local", metavar="ADDRESS", help="spread over a Ray cluster (alone: this machine)")
    batch.add_argument("--workers", type=int, default=2, metavar="N", help="editors with --ray (default: 2)")
    add_model(batch)


def _batch(args) -> None:
    from smartedit.batch import report
    from smartedit.batch.run import FAILED, one_by_one, run

    todo, task, load = _asked(args)
    work = partial(_spread(args), task=task, load=load) if args.ray else partial(one_by_one, task=task, load=load)
    outcomes = run(todo, task, work)
    path = report.write(todo, outcomes, args.out)
    print(report.table(outcomes))
    print(f"wrote {path}")
    failed = sum(outcome.status == FAILED for outcome in outcomes)
    if failed:
        raise SmartEditError(f"{failed} of {len(outcomes)} pictures could not be edited; mend them and run the same command again")


def _asked(args) -> tuple[list, object, Callable]:
    """The jobs, what they share, and how an editor is loaded, all checked before any model is."""
    from smartedit import asking, bundles
    from smartedit.batch.jobs import of_folder, of_table
    from smartedit.batch.run import Task
    from smartedit.provenance import Edit

    call, seed = settings(args), asking.seed_number(args.seed)
    model = bundles.find(args.model, *KINDS)
    defaults = bundles.index(model)
    call = {name: defaults[name] if value is None else value for name, value in call.items()}
    call["keep_outside"] = not args.no_keep_outside
    task = Task(Edit("", 0, model.name, bundles.digest(model), settings=call), args.overwrite)
    asked = (args.folder, args.out)
    jobs = of_table(args.table, *asked, seed) if args.table else of_folder(*asked, args.instruction, seed)
    return jobs, task, partial(load, str(model.resolve()), call)


def load(model: str, call: dict) -> Callable:
    """The editor of a model folder, called with `call` every time; workers on other machines load theirs by this."""
    return partial(_edited, pipeline(model), call)


def _edited(pipe, call: dict, instruction: str, picture, seed: int):
    return pipe(instruction, picture, seed=seed, **call)


def _spread(args) -> Callable:
    from smartedit.batch.spread import over_ray

    return partial(over_ray, workers=args.workers, address=args.ray)
