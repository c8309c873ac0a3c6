"""`smartedit serve`: an editor that other programs call."""

from __future__ import annotations

import importlib
import os
from functools import partial

from smartedit import bundles, images
from smartedit.commands.options import KINDS, command, pipeline
from smartedit.errors import MissingExtra, SmartEditError


def add(commands) -> None:
    """Add the command."""
    serve = command(commands, "serve", _serve, "answer edit requests over HTTP, in the shape of the OpenAI Images API")
    serve.add_argument("--model", default="tiny", metavar="NAME|FOLDER", help="default: tiny")
    serve.add_argument("--device", default="cpu", metavar="NAME", help="cpu, cuda, cuda:1, mps (default: cpu)")
    serve.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1, this machine alone")
    serve.add_argument("--port", type=int, default=8000, metavar="N", help="0 takes a free one (default: 8000)")
    serve.add_argument("--api-key", metavar="KEY", help="what clients must send; better in SMARTEDIT_API_KEY (default: none, for local use)")
    serve.add_argument("--batch", type=int, default=8, metavar="N", help="edits that are denoised together; 1 is one by one (default: 8)")
    serve.add_argument("--queue", type=int, default=64, metavar="N", help="edits that may wait; more are told to come again (default: 64)")
    serve.add_argument("--deadline", type=float, default=120, metavar="S", help="seconds within which an edit must be done (default: 120)")
    serve.add_argument("--ray", action="store_true", help="let replicas in a Ray cluster do the work (RAY_ADDRESS, or a new one here)")
    serve.add_argument("--replicas", type=int, default=4, metavar="N", help="with --ray: at most so many, as the load asks (default: 4)")


def _serve(args) -> None:
    bundles.find(args.model, *KINDS)
    _need("serve", "fastapi", "uvicorn", "python_multipart", "prometheus_client")
    from smartedit.serve.app import make_app
    from smartedit.serve.limits import Limits
    from smartedit.serve.server import check_key, listen, serve

    key = args.api_key or os.environ.get("SMARTEDIT_API_KEY") or None
    check_key(args.host, key)
    if min(args.batch, args.queue, args.replicas) < 1 or not 0 < args.deadline < 86400:
        raise SmartEditError("--batch, --queue and --replicas count from 1, and --deadline is in seconds, more than 0 and less than a day")
    sock = listen(args.host, args.port)
    editor = _editor(args, Limits(batch=args.batch, queue=args.queue, deadline=args.deadline))
    name = os.path.basename(os.path.normpath(args.model))
    print(f"serving {name} at http://{args.host}:{sock.getsockname()[1]}/v1 (Ctrl-C ends it)", flush=True)
    serve(make_app(editor, name, key), sock, editor.limits, editor.close)


def _editor(args, limits):
    """Who does the work: a thread of this process, or a cluster."""
    load = partial(_load, args.model, args.device)
    if not args.ray:
        from smartedit.serve.worker import Worker

        return Worker(load(), limits)
    _need("ray", "ray.serve")
    from smartedit.serve.scale import start

    return start(load, limits, most=args.replicas)


def _load(model: str, device: str):
    try:
        return pipeline(model).to(device)
    except (RuntimeError, AssertionError) as error:  # what torch says of a device that it does not know or have
        raise SmartEditError(f"cannot use device {device} ({images.first_line(error)}); choose another --device") from error


def _need(extra: str, *packages: str) -> None:
    for package in packages:
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise MissingExtra(package.replace("_", "-"), extra) from error
