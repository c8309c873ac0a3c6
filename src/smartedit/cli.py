"""The command line: parse, call one function of the room that owns the work, print.

Nothing heavy is imported before it is needed: `smartedit --help` never loads torch, and words, pictures and places are
checked before a model is loaded.
"""

from __future__ import annotations

import argparse
import sys

import smartedit
from smartedit.commands import batch, bench, edit, serve, train, ui, weights, world
from smartedit.errors import SmartEditError

#: Exit codes beside 0: what people can mend, and Ctrl-C.
MENDABLE, INTERRUPTED = 2, 130

#: The families of commands, in the order of `smartedit --help`.
FAMILIES = (edit, batch, ui, serve, world, train, bench, weights)


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
        # An interrupt inside `exec(text)`, as imports of torch do it, marks CPython to die of the signal at its end, whatever
        # the exit code (`python -m`). Running text once more takes the mark away.
        exec("")
        print("\nsmartedit: interrupted; nothing half-written was left", file=sys.stderr)
        return INTERRUPTED
    return 0


def parser() -> argparse.ArgumentParser:
    """All commands and options."""
    top = argparse.ArgumentParser(prog="smartedit", description="Edit a picture by an instruction that needs understanding.")
    top.add_argument("--version", action="version", version=f"smartedit {smartedit.__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for family in FAMILIES:
        family.add(commands)
    return top


if __name__ == "__main__":
    sys.exit(main())
