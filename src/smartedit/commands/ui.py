"""`smartedit ui`: the editor in a browser."""

from __future__ import annotations

from importlib.util import find_spec

from smartedit.commands.options import KINDS, command, pipeline
from smartedit.errors import MissingExtra, SmartEditError


def add(commands) -> None:
    """Add the command."""
    ui = command(commands, "ui", _ui, "edit pictures in the browser")
    ui.add_argument("--model", default="tiny", metavar="NAME|FOLDER", help="default: tiny")
    ui.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="0.0.0.0 lets other machines in (default: 127.0.0.1)")
    ui.add_argument("--port", type=int, default=7860, metavar="N", help="default: 7860")
    ui.add_argument("--no-browser", action="store_true", help="only print the address")


def _ui(args) -> None:
    from smartedit import bundles

    if find_spec("gradio") is None:
        raise MissingExtra("gradio", "ui")
    if not 1 <= args.port <= 65535:
        raise SmartEditError(f"port is {args.port}; give a number from 1 to 65535")
    model = bundles.find(args.model, *KINDS)
    print("loading the model and the page ...", flush=True)
    from smartedit.serve.studio import Studio
    from smartedit.serve.ui import build, launch

    blocks = build(Studio(pipeline(model), model.name, bundles.digest(model)))
    address = launch(blocks, args.host, args.port, not args.no_browser)
    print(f"SmartEdit is at {address} (Ctrl-C stops it)", flush=True)
    blocks.block_thread()
