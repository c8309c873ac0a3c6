"""`smartedit bench`: how good an editor is."""

from __future__ import annotations

import sys
from pathlib import Path

from smartedit.commands.options import add_model, command, pipeline, settings
from smartedit.errors import SmartEditError


def add(commands) -> None:
    """Add the command."""
    bench = command(commands, "bench", _bench, "measure an editor against the exact truth; resumes")
    bench.add_argument("suite", choices=["world"])
    bench.add_argument("--split", default="validation", choices=["validation", "test"], help="default: validation")
    bench.add_argument("--cases", type=int, default=300, metavar="N", help="default: 300")
    bench.add_argument("--seed", type=int, default=0, metavar="N", help="another seed takes other cases (default: 0)")
    bench.add_argument("--out", default="results", metavar="DIR", help="default: results")
    bench.add_argument("--name", metavar="NAME", help="what the results are filed under (default: the model's name)")
    add_model(bench)


def _bench(args) -> None:
    from smartedit import bundles
    from smartedit.bench.cases import world_cases
    from smartedit.bench.kept import keep
    from smartedit.bench.report import write_report
    from smartedit.bench.run import ORACLES, run

    asked = settings(args)
    try:
        cases = keep(world_cases(args.split, args.cases, args.seed), Path(args.out) / "cases")
    except ValueError as error:
        raise SmartEditError(f"{error}; choose other --cases or --seed") from error
    name = args.name or Path(args.model).name
    editor = None
    if args.model not in ORACLES:
        pipe = pipeline(args.model)
        call = {key: pipe.config[key] if value is None else value for key, value in asked.items()}
        asked = {**call, "weights": bundles.digest(args.model)}

        def editor(picture, words, seed):
            return pipe(words, picture, seed=seed, **call).images[0]

    run(f"world-{args.split}", editor, name, args.out, cases, args.seed, asked, _progress)
    print(write_report(args.out, cases))


def _progress(done: int, total: int, row) -> None:
    print(f"{done}/{total}  {row['id']}  {'right' if row['success'] else 'wrong'}", file=sys.stderr)
