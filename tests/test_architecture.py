"""The shape of the house: imports go down, files and functions stay short, public names are documented."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import smartedit

ROOT = Path(smartedit.__file__).parent

#: Rooms from the ground up. A file may import its own room and those of lower floors; rooms of one floor do not know
#: each other. A room is a package or a file directly under `smartedit`.
FLOORS = (
    {"errors"},
    {"images", "conversation", "world"},
    {"region", "asking", "likeness", "provenance", "checksums", "cluster", "models", "data"},
    {"bundles", "guidance", "call", "machine", "training", "bench", "official"},
    {"denoising"},
    {"pipeline"},
    {"baseline"},
    {"assembly", "demo", "rehearsal", "doctor"},
    {"serve", "batch"},
    {"commands"},
    {"cli"},
)

#: Imports that break the rule, each with its reason.
ALLOWED: dict[tuple[str, str], str] = {}

#: Rooms that must work where torch is not installed.
WITHOUT_TORCH = (
    "errors", "images", "region", "asking", "likeness", "provenance", "checksums", "cluster", "bundles", "machine", "batch", "world", "bench",
    "commands", "cli",
)  # fmt: skip

#: Functions over 80 lines and files over 400, each with its reason.
LONG_FUNCTIONS: dict[str, str] = {}
LONG_FILES: dict[str, str] = {}

#: Modules whose public functions need no docstring of their own, each with its reason.
SPEAKING_NAMES = {"smartedit.world.kinds_": "one function a kind of object, named after it; the module says what they take"}


@cache
def files() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(ROOT.rglob("*.py"))}


def room(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").parts[0]


def floor(name: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if name in rooms)


def module_name(path: Path) -> str:
    parts = ("smartedit", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path, tree: ast.AST, at_import_time: bool = False) -> list[str]:
    """Full names of the modules that a file imports, relative imports resolved; lazy ones only if wanted."""
    package = module_name(path).split(".")
    package = package if path.name == "__init__.py" else package[:-1]
    found = []
    for node in _walk(tree, at_import_time):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            found += [stem, *(f"{stem}.{alias.name}" for alias in node.names)]
    return found


def _walk(tree: ast.AST, at_import_time: bool):
    for node in ast.iter_child_nodes(tree):
        lazy = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or (
            isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
        if not (at_import_time and lazy):
            yield node
            yield from _walk(node, at_import_time)


def own_modules() -> dict[str, Path]:
    return {module_name(path): path for path in files()}


def length(node: ast.FunctionDef) -> int:
    """Lines of a function without its docstring and decorators."""
    first = node.body[0]
    docstring = first.end_lineno - first.lineno + 1 if ast.get_docstring(node) is not None else 0
    return node.end_lineno - node.lineno + 1 - docstring


def functions() -> dict[str, ast.FunctionDef]:
    return {
        f"{module_name(path)}.{node.name}:{node.lineno}": node
        for path, tree in files().items() for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }  # fmt: skip


def test_every_room_has_a_floor():
    rooms = {room(path) for path in files()} - {"__init__", "__main__"}
    assert rooms <= set().union(*FLOORS), "tell test_architecture.py on which floor the new room is"


def test_imports_go_down():
    wrong = []
    for path, tree in files().items():
        if room(path) in ("__init__", "__main__"):
            continue
        for name in imported(path, tree):
            other = name.split(".")[1] if name.startswith("smartedit.") else None
            known = other is not None and any(other in rooms for rooms in FLOORS)
            if known and other != room(path) and floor(other) >= floor(room(path)) and (room(path), other) not in ALLOWED:
                wrong.append(f"{module_name(path)} imports {name}")
    assert not wrong


def test_no_import_cycles():
    modules = own_modules()
    graph = {name: {m for m in imported(path, files()[path], at_import_time=True) if m in modules and m != name}
             for name, path in modules.items()}  # fmt: skip
    visiting, done = [], set()

    def visit(name: str) -> None:
        assert name not in visiting, f"cycle: {' -> '.join([*visiting[visiting.index(name):], name])}"
        if name in done:
            return
        visiting.append(name)
        for other in sorted(graph[name]):
            # A package's __init__ that is only passed through on the way to a module of it is no dependency.
            if not any(m.startswith(f"{other}.") for m in graph[name]) and not name.startswith(f"{other}."):
                visit(other)
        visiting.pop()
        done.add(name)

    for name in sorted(graph):
        visit(name)


@pytest.mark.parametrize("name", WITHOUT_TORCH)
def test_rooms_without_torch(name):
    heavy = ("torch", "transformers", "diffusers")
    wrong = [
        f"{module_name(path)} imports {other}"
        for path, tree in files().items() if room(path) == name
        for other in imported(path, tree, at_import_time=True) if other.split(".")[0] in heavy
    ]  # fmt: skip
    assert not wrong


def test_functions_are_short():
    lengths = {name: length(node) for name, node in functions().items()}
    too_long = [name for name, lines in lengths.items() if lines > 80 and name.rsplit(":")[0] not in LONG_FUNCTIONS]
    assert not too_long
    assert statistics.mean(lengths.values()) <= 14
    assert statistics.quantiles(lengths.values(), n=10)[-1] <= 35


def test_files_can_be_read_in_one_sitting():
    lengths = {module_name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in files()}
    assert not [name for name, lines in lengths.items() if lines > 400 and name not in LONG_FILES]
    assert statistics.median(lines for lines in lengths.values() if lines > 5) <= 180


def test_public_names_are_documented():
    missing = []
    for path, tree in files().items():
        if ast.get_docstring(tree) is None and path.read_text(encoding="utf-8").strip():
            missing.append(module_name(path))
        if not module_name(path).startswith(tuple(SPEAKING_NAMES)):
            missing += [f"{module_name(path)}.{name}" for name in _undocumented(tree)]
    assert not missing


def _undocumented(tree: ast.AST, inside: str = "") -> list[str]:
    """Public classes, functions and methods without a docstring; a `forward` or an override may lean on its class."""
    missing = []
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, (ast.ClassDef, ast.FunctionDef)) or node.name.startswith("_"):
            continue
        if ast.get_docstring(node) is None and not (inside and isinstance(node, ast.FunctionDef)):
            missing.append(inside + node.name)
        if isinstance(node, ast.ClassDef):
            missing += _undocumented(node, f"{node.name}.")
    return missing


def test_no_repeated_code():
    """At most 2 % of the code lines lie in an 8-line run that occurs elsewhere too."""
    runs: dict[tuple[str, ...], list[tuple[Path, int]]] = {}
    total = 0
    for path in files():
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        lines = [line for line in lines if len(line) > 3 and not line.startswith(("#", "from ", "import "))]
        total += len(lines)
        for start in range(len(lines) - 7):
            runs.setdefault(tuple(lines[start : start + 8]), []).append((path, start))
    repeated = {(path, start + k) for places in runs.values() if len(places) > 1 for path, start in places for k in range(8)}
    assert len(repeated) / total <= 0.02, sorted({str(path.relative_to(ROOT)) for path, _ in repeated})


def test_no_drawers():
    assert not [path for path in files() if path.stem in ("utils", "util", "helpers", "misc", "common")]


def test_the_package_can_be_imported_without_torch():
    code = ("import sys, smartedit, smartedit.cli, smartedit.images\n"
            "assert not {'torch', 'transformers', 'diffusers', 'scipy', 'numba'} & set(sys.modules)\n"
            "assert 'SmartEditPipeline' in dir(smartedit)\n"
            "try:\n    smartedit.nothing\nexcept AttributeError:\n    pass\nelse:\n    raise SystemExit(1)")  # fmt: skip
    subprocess.run([sys.executable, "-c", code], check=True)


def test_public_names_resolve():
    for name in smartedit.__all__:
        assert getattr(smartedit, name)
