"""`smartedit bench ...`: how good an editor is."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from smartedit.commands.options import CALL, KINDS, add_call, command, pipeline, settings
from smartedit.errors import SmartEditError

_EDITORS = (
    "tiny, base, a model folder, identity, oracle, instruct-pix2pix, magicbrush, qwen-image-edit, flux-kontext, "
    "diffusers:FOLDER, openai:MODEL@URL, pictures:DIR; may be repeated (default: tiny)"
)


def add(commands) -> None:
    """Add the command and its kinds."""
    bench = commands.add_parser("bench", help="measure editors: exact truth, every metric, people, models that look")
    kinds = bench.add_subparsers(dest="kind", required=True, metavar="COMMAND")
    _add_run(kinds)
    report = command(kinds, "report", _report, "write the tables and the page about results again, with more networks if asked")
    rate = command(kinds, "rate", _rate, "open a page on which people rate the results, blind and shuffled")
    judge = command(kinds, "judge", _judge, "let a model that sees rate the results; answers are kept")
    export = command(kinds, "export", _export, "write mini-reason-edit in the published layout, for anybody's script")
    fetch = command(kinds, "fetch", _fetch, "say where a suite's data is to be had, and check what is there")
    trust = command(kinds, "trust", _trust, "which metric to trust: compare all with exact success over a spread of editors")
    command(kinds, "field", _field, "print other people's numbers on Reason-Edit, each with how sure it is")
    for one in (report, rate, judge):
        one.add_argument("results", type=Path, help="folder that smartedit bench run wrote")
    rate.add_argument("--port", type=int, default=8008, metavar="N", help="default: 8008")
    judge.add_argument("--endpoint", metavar="URL", help="an OpenAI-compatible server such as http://localhost:8000/v1")
    judge.add_argument("--model", required=True, metavar="NAME|FOLDER", help="its model, or without --endpoint a transformers model")
    export.add_argument("--seed", type=int, default=0, metavar="N", help="another seed takes other cases (default: 0)")
    fetch.add_argument("suite", help="reason-edit, magicbrush or folder")
    fetch.add_argument("--root", type=Path, metavar="DIR", help="check the data in this folder")
    trust.add_argument("--models", nargs="*", default=["tiny", "base"], metavar="NAME", help="beside the oracles (default: tiny base)")
    trust.add_argument("--to", type=Path, default=Path("docs/results/trust.json"), metavar="FILE", help="default: docs/results/trust.json")
    for one in (export, trust):
        one.add_argument("--out", type=Path, required=True, metavar="DIR")
    trust.add_argument("--cases", type=int, metavar="N", help="take only N of the 219 cases, spread over the groups")
    for one in (report, trust):
        _add_work(one)


def _add_run(kinds) -> None:
    run = command(kinds, "run", _run, "measure editors on a suite: table, page, pictures; the same command goes on")
    run.add_argument("suite", help="mini-reason-edit, world, reason-edit, magicbrush, magicbrush-multi or folder")
    run.add_argument("--editor", action="append", metavar="[NAME=]EDITOR", help=_EDITORS)
    run.add_argument("--out", type=Path, default=Path("results"), metavar="DIR", help="default: results")
    run.add_argument("--root", type=Path, metavar="DIR", help="the data of reason-edit, magicbrush or folder")
    run.add_argument("--split", default="validation", choices=["validation", "test"], help="of world (default: validation)")
    run.add_argument("--cases", type=int, metavar="N", help="of world (default: 300) and mini-reason-edit (default: all 219)")
    run.add_argument("--seed", type=int, default=0, metavar="N", help="another seed takes other cases and noise (default: 0)")
    _add_work(run)
    add_call(run)


def _add_work(one) -> None:
    one.add_argument("--networks", nargs="*", default=[], metavar="NAME", help="also lpips, lpips-alex, lpips-vgg, clip[=FOLDER], dino[=FOLDER]")
    one.add_argument("--processes", type=int, default=1, metavar="N", help="default: 1")
    one.add_argument("--deadline", type=float, default=600, metavar="S", help="seconds an edit may take (default: 600)")
    one.add_argument("--ray", metavar="ADDRESS", help="share the work on a Ray cluster: auto, local or an address")


def _run(args) -> None:
    from smartedit.bench import networks, suites

    networks.check(args.networks)
    suite = suites.find(args.suite, args.root, args.split, args.cases, args.seed)
    for out in suite.left_out:
        print(f"left out: {out.id}: {out.reason}", file=sys.stderr)
    entrants = [_entrant(word, settings(args)) for word in args.editor or ["tiny"]]
    _measure(suite, entrants, args)
    print(_written(args.out))


def _measure(suite, entrants: list, args) -> None:
    """Ask every entrant, measure its answers, and report on all that the folder holds."""
    from smartedit.bench.kept import keep_suite
    from smartedit.bench.measure import measure
    from smartedit.bench.oracles import ORACLES
    from smartedit.bench.report import read_runs, write_report
    from smartedit.bench.run import run

    names = [entrant.name for entrant in entrants]
    if len(set(names)) < len(names):
        raise SmartEditError("two editors have the same name; write --editor NAME=EDITOR")
    spread, suite = _spread(args), keep_suite(suite, args.out)
    for entrant in entrants:
        here = entrant.name in ORACLES  # they need no model and no deadline
        run(suite, entrant, args.out, getattr(args, "seed", 0), progress=partial(_progress, entrant.name), spread=None if here else spread)
    measure(suite, [found.name for found in read_runs(args.out)[0]], args.out, args.networks, spread=spread)
    write_report(args.out, suite.cases)


def _spread(args):
    """How the work is shared: by local processes, or by a cluster."""
    from smartedit.bench.cluster import each_on_ray
    from smartedit.bench.workers import each

    if args.processes < 1 or not args.deadline > 0:
        raise SmartEditError("--processes is at least 1 and --deadline more than 0 seconds")
    if args.ray:
        return partial(each_on_ray, parts=args.processes, deadline=args.deadline, address=args.ray)
    return partial(each, processes=args.processes, deadline=args.deadline)


def _entrant(word: str, call: dict):
    """The entrant that a word of `--editor` names; a model of this package is one."""
    from dataclasses import replace

    from smartedit.bench.editors import built_in

    name, equals, spec = word.partition("=")
    if not equals or set(name) & set(":/\\"):  # the sign belongs to an address or a path
        return built_in(word) or _model(word, call)
    return replace(built_in(spec) or _model(spec, call), name=name)


def _model(spec: str, call: dict, name: str | None = None):
    """A model of this package as an entrant; `call` holds settings, None where the model's own holds."""
    from smartedit import bundles
    from smartedit.bench.editors import Entrant

    folder = bundles.find(spec, *KINDS)
    own = bundles.index(folder)
    call = {key: own.get(key) if value is None else value for key, value in call.items()}
    return Entrant(name or folder.name, partial(_open_model, folder, call), {**call, "weights": bundles.digest(folder)})


def _open_model(folder: Path, call: dict):
    """The editor of a model folder; called in the process that edits."""
    pipe = pipeline(folder)
    call = {key: value for key, value in call.items() if value is not None}
    return lambda picture, words, seed: pipe(words, picture, seed=seed, **call).images[0]


def _report(args) -> None:
    from smartedit.bench.measure import measure
    from smartedit.bench.report import write_report

    suite, names = _kept(args.results)
    measure(suite, names, args.results, args.networks, spread=_spread(args))
    write_report(args.results, suite.cases)
    print(_written(args.results))


def _kept(results: Path):
    """The suite of a results folder and the editors measured on it."""
    from smartedit.bench.kept import kept_suite
    from smartedit.bench.report import read_runs

    runs, _ = read_runs(results)
    return kept_suite(runs[0].configuration, results), [run.name for run in runs]


def _written(out: Path) -> str:
    return f"wrote {out / 'report.md'}, {out / 'report.html'} and {out / 'results.json'}"


def _rate(args) -> None:
    from smartedit.bench import rating

    server = rating.serve(args.results, args.port)
    kept = args.results / "ratings.jsonl"
    print(f"open http://127.0.0.1:{server.server_port}/ and rate; Ctrl-C ends it, ratings are kept in {kept}", flush=True)
    try:
        server.serve_forever()
    finally:
        server.server_close()


def _judge(args) -> None:
    from smartedit.bench import mllm

    ask = mllm.server(args.endpoint, args.model) if args.endpoint else mllm.local(args.model)
    asked = mllm.judge(args.results, Path(args.model).name, ask, _judged)
    for found in mllm.summary(args.results):
        for editor, value in found["editors"].items():
            mean = "no score" if value["rate"] is None else f"{value['rate']:.3f} [{value['low']:.3f}, {value['high']:.3f}]"
            print(f"{found['judge']} on {editor}: {mean} over {value['cases']} cases, {value['errors']} judge errors")
    print(f"asked {asked} new questions; smartedit bench report {args.results} puts this into the report")


def _export(args) -> None:
    from smartedit.bench import reason_edit, suites

    print(f"wrote {reason_edit.export(suites.find('mini-reason-edit', seed=args.seed).cases, args.out)}")


def _fetch(args) -> None:
    from smartedit.bench import suites

    if args.suite not in suites.SOURCES:
        raise SmartEditError(f"no data of {args.suite!r} to fetch; there is {', '.join(suites.SOURCES)}")
    print(suites.SOURCES[args.suite])
    if args.root:
        suite = suites.find(args.suite, args.root)
        for group in dict.fromkeys(case.group for case in suite.cases):
            print(f"{group}: {sum(case.group == group for case in suite.cases)} cases")
        for out in suite.left_out:
            print(f"left out: {out.id}: {out.reason}")
        print(f"{len(suite.cases)} cases can be asked, {len(suite.left_out)} cannot")


#: Other settings than its own under which `bench trust` asks its first model: name behind the model's -> settings.
VARIANTS = {"": {}, "-4-steps": {"num_inference_steps": 4}, "-guidance-3": {"guidance_scale": 3.0}}


def _trust(args) -> None:
    from smartedit.bench import suites
    from smartedit.bench.editors import built_in
    from smartedit.bench.oracles import ORACLES
    from smartedit.bench.trust import write_trust

    models = [
        _model(name, {**dict.fromkeys(CALL), **call}, f"{Path(name).name}{tail}")
        for name in args.models for tail, call in VARIANTS.items() if not tail or name == args.models[0]
    ]  # fmt: skip
    _measure(suites.find("mini-reason-edit", cases=args.cases), [*map(built_in, ORACLES), *models], args)
    print(f"wrote {write_trust(args.out, args.to)}")


def _field(args) -> None:
    from smartedit.bench import field

    print(field.markdown())


def _judged(done: int, total: int, row) -> None:
    print(f"{done}/{total}  {row['editor']}  {row['id']}  {row['score']}", file=sys.stderr)


def _progress(name: str, done: int, total: int, row) -> None:
    verdict = row["status"] if row["success"] is None else "right" if row["success"] else "wrong"
    print(f"{name} {done}/{total}  {row['id']}  {verdict}", file=sys.stderr)
