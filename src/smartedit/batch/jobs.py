"""Which edits a folder is asked for: every picture in it, or the rows of a table."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from smartedit import asking, images
from smartedit.errors import SmartEditError

#: Endings of files that are taken for pictures; other files are left alone.
ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".tga", ".jp2")

#: What a table may say; the first two it must.
COLUMNS = ("picture", "instruction", "seed", "output")


@dataclass(frozen=True)
class Job:
    """One edit of one file. `name` is how reports call it; `problem` says why it cannot be done, if it cannot."""

    name: str
    source: str
    output: str
    instruction: str
    seed: int
    problem: str = ""


def of_folder(folder: Path, out: Path, instruction: str, seed: int) -> list[Job]:
    """One edit for every picture under a folder, hidden files and `out` itself left out, in order of their names.

    Raises SmartEditError when there is no such folder or no picture in it, or when `out` is that folder.
    """
    words = asking.instruction(instruction)
    _check_folders(folder, out)
    names = sorted(path.relative_to(folder) for path in _pictures(folder, out))
    if not names:
        raise SmartEditError(f"there is no picture in {folder}; give a folder with {', '.join(ENDINGS[:4])} files")
    jobs = [Job(str(name), str(folder / name), str(out / _written(name)), words, seed) for name in names]
    return _distinct(jobs)


def of_table(table: Path, folder: Path, out: Path, seed: int) -> list[Job]:
    """One edit for every row of a CSV file with the columns `picture` and `instruction`, perhaps `seed` and `output`.

    Pictures are named from `folder`, outputs from `out`. A row that makes no sense becomes a job with a `problem`.
    Raises SmartEditError when the table cannot be read or two rows write the same file.
    """
    _check_folders(folder, out)
    rows = _rows(table)
    return _distinct([_job(row, number, folder, out, seed) for number, row in enumerate(rows, start=2)])


def _pictures(folder: Path, out: Path) -> Iterator[Path]:
    for home, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and (Path(home) / name).resolve() != out.resolve()]
        yield from (Path(home) / name for name in names if name.lower().endswith(ENDINGS) and not name.startswith("."))


def _written(name: Path) -> Path:
    """The name itself where its format can be written, else with `.png` after it."""
    return name if name.suffix.lower() in images.WRITABLE else name.with_name(name.name + ".png")


def _check_folders(folder: Path, out: Path) -> None:
    if not folder.is_dir():
        raise SmartEditError(f"there is no folder {images.printable(folder)}; give the folder that holds the pictures")
    if folder.resolve() == out.resolve():
        raise SmartEditError(f"--out {out} is the folder of the pictures themselves; choose another, so that they stay")
    if out.exists() and not out.is_dir():
        raise SmartEditError(f"--out {out} is a file; give a folder")


def _rows(table: Path) -> list[dict]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True, strict=True)
            missing = [name for name in COLUMNS[:2] if name not in (reader.fieldnames or ())]
            if missing:
                raise SmartEditError(f"{table} lacks the column {' and '.join(missing)}; its first line must be: picture,instruction")
            rows = list(reader)
    except OSError as error:
        raise SmartEditError(f"cannot read {images.printable(table)} ({error.strerror}); give a CSV file") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise SmartEditError(f"{table} is not a CSV file in UTF-8 ({images.first_line(error)}); save it as one") from error
    if not rows:
        raise SmartEditError(f"{table} has no rows; write one line an edit under: picture,instruction")
    return rows


def _job(row: dict, number: int, folder: Path, out: Path, seed: int) -> Job:
    cell = {name: (row.get(name) or "").strip() for name in COLUMNS}
    name = f"row {number}: {images.printable(cell['picture'])}"
    try:
        source = _inside(folder, cell["picture"], "picture")
        output = _inside(out, cell["output"] or _written(Path(cell["picture"])), "output")
        if output.suffix.lower() not in images.WRITABLE:
            raise SmartEditError(f"output {output.name} has an unknown ending; use one of {', '.join(images.WRITABLE)}")
        own_seed = _seed(cell["seed"]) if cell["seed"] else seed
        return Job(name, str(source), str(output), asking.instruction(cell["instruction"]), own_seed)
    except SmartEditError as error:
        return Job(name, "", "", cell["instruction"], seed, str(error))


def _inside(home: Path, name: str | Path, column: str) -> Path:
    """The path of a name below a folder; SmartEditError for an empty one and for one that leads out of it."""
    path = Path(os.path.normpath(home / name))
    if not str(name) or "\0" in str(name) or not path.is_relative_to(os.path.normpath(home)) or path == Path(os.path.normpath(home)):
        raise SmartEditError(f"{column} {images.printable(name)!r} is not a name below {home}; write it as it is called from there")
    return path


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise SmartEditError(f"seed is {images.printable(text)}; give a whole number from 0 to {asking.LARGEST_SEED}")
    return asking.seed_number(int(text))


def _distinct(jobs: list[Job]) -> list[Job]:
    """The same jobs, after checking that no two write one file."""
    writer: dict[str, Job] = {}
    for job in jobs:
        other = writer.setdefault(job.output, job) if job.output else job
        if other is not job:
            raise SmartEditError(f"{other.name} and {job.name} would both be written to {job.output}; "
                                 "name them apart in a column: output")  # fmt: skip
    return jobs
