"""Which edits a folder or a table asks for."""

from __future__ import annotations

from pathlib import Path

import pytest
from folders import fill
from hypothesis import given
from hypothesis import strategies as st

from smartedit.batch.jobs import of_folder, of_table
from smartedit.errors import SmartEditError

ASK = "remove the red apple"


@pytest.fixture
def folder(tmp_path):
    fill(tmp_path / "in", 8)
    return tmp_path / "in"


@pytest.fixture
def jobs_of(folder, tmp_path):
    """A function from the text of a table to its jobs."""

    def read(text: str):
        (tmp_path / "edits.csv").write_text(text, encoding="utf-8")
        return of_table(tmp_path / "edits.csv", folder, tmp_path / "out", seed=5)

    return read


def test_every_picture_under_the_folder(folder, tmp_path):
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "a.png").write_bytes(b"")
    (folder / "._00.png").write_bytes(b"")
    jobs = of_folder(folder, tmp_path / "out", f"  {ASK} ", 3)
    outputs = [str(Path(job.output).relative_to(tmp_path / "out")) for job in jobs]
    assert outputs == ["00.png", "03.bmp.png", "06.webp", "left/01.jpg", "left/04.png", "left/07.bmp.png", "left/far/02.webp", "left/far/05.jpg"]
    assert {(job.instruction, job.seed, job.problem) for job in jobs} == {(ASK, 3, "")}


def test_results_inside_the_folder_are_not_edited_again(folder):
    fill(folder / "out", 2)
    assert len(of_folder(folder, folder / "out", ASK, 0)) == 8


@pytest.mark.parametrize(("where", "reason"), [("missing", "no folder"), ("empty", "no picture"), ("in", "another"), ("in/00.png", "no folder")])
def test_folders_that_cannot_be_edited(folder, tmp_path, where, reason):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SmartEditError, match=reason):
        of_folder(tmp_path / where, folder, ASK, 0)


def test_two_pictures_that_would_become_one_file(folder, tmp_path):
    (folder / "03.bmp.png").write_bytes((folder / "00.png").read_bytes())
    with pytest.raises(SmartEditError, match=r"03\.bmp and 03\.bmp\.png would both"):
        of_folder(folder, tmp_path / "out", ASK, 0)


def test_a_table_with_everything(jobs_of, tmp_path):
    jobs = jobs_of("\ufeffpicture,instruction,seed,output\n00.png,remove it,7,\nleft/01.jpg,\"make it, blue\",,sub/blue.webp\n")
    assert [(job.instruction, job.seed) for job in jobs] == [("remove it", 7), ("make it, blue", 5)]
    assert [Path(job.output) for job in jobs] == [tmp_path / "out" / "00.png", tmp_path / "out" / "sub" / "blue.webp"]


@pytest.mark.parametrize(("row", "reason"), [
    ("00.png,,,", "empty"),
    ("00.png,remove it,-1,", "seed"),
    ("00.png,remove it,²,", "seed"),
    ("00.png,remove it,,a.txt", "ending"),
    ("00.png,remove it,,../a.png", "not a name below"),
    ("../secret.png,remove it,,", "not a name below"),
    ("/etc/passwd.png,remove it,,", "not a name below"),
    (",remove it,,", "not a name below"),
])  # fmt: skip
def test_rows_that_make_no_sense_are_told_and_cost_no_other(jobs_of, row, reason):
    good, bad = jobs_of(f"picture,instruction,seed,output\nleft/01.jpg,remove it,,\n{row}\n")
    assert good.problem == "" and reason in bad.problem and bad.name.startswith("row 3")


@pytest.mark.parametrize(("text", "reason"), [
    ("", "lacks"),
    ("file,words\na,b\n", "lacks the column picture and instruction"),
    ("picture,instruction\n", "no rows"),
    ("picture,instruction\n00.png,a\n00.png,b\n", "row 2: 00.png and row 3: 00.png"),
    ('picture,instruction\n"00.png,a\n', "not a CSV"),
])  # fmt: skip
def test_tables_that_make_no_sense(jobs_of, text, reason):
    with pytest.raises(SmartEditError, match=reason):
        jobs_of(text)


def test_a_table_that_is_no_text(folder, tmp_path):
    for table in (folder / "00.png", tmp_path / "missing.csv", folder):
        with pytest.raises(SmartEditError, match=r"CSV"):
            of_table(table, folder, tmp_path / "out", 0)


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_name_leads_out(tmp_path_factory, picture, output):
    """Whatever a table says, what is read lies below the folder and what is written below the output."""
    home = tmp_path_factory.mktemp("any")
    cells = ('"' + cell.replace('"', '""') + '"' for cell in (picture, "remove it", output))  # csv writes no NUL before Python 3.11
    (home / "t.csv").write_text("picture,instruction,output\n" + ",".join(cells) + "\n", encoding="utf-8", newline="")
    try:
        jobs = of_table(home / "t.csv", home, home / "out", 0)
    except SmartEditError:
        return
    for job in (job for job in jobs if not job.problem):
        assert Path(job.source).resolve().is_relative_to(home.resolve()) and Path(job.output).is_relative_to(home / "out")
