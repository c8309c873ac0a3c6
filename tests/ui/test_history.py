"""Going back loses nothing: the history is a tree, and what is shown always belongs to it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from made_pictures import noise_picture

from smartedit.provenance import Edit
from smartedit.serve.history import MOST_KEPT, Entry, History

PICTURE = noise_picture(8, 8)


def results(*words: str) -> list[Entry]:
    return [Entry(0, PICTURE, edit=Edit(text, 0, "tiny")) for text in words]


def told(history: History, number: int) -> list[str]:
    return [edit.instruction for edit in history.edits(number)]


def test_two_turns_undo_and_branch():
    history = History.of(PICTURE, before=[Edit("earlier", 1, "tiny")])
    assert not history.can_undo() and history.undo() == history and history.result is None
    history = history.grown(results("first"))
    assert history.at == 0 and history.shown == 1 and history.can_undo()
    history = history.go(1).grown(results("second"))
    assert told(history, 2) == ["earlier", "first", "second"]
    history = history.undo()
    assert history.shown is None and history.at == 1
    history = history.undo()
    assert history.at == 0 and not history.can_undo()
    history = history.grown(results("other"))
    assert told(history, 3) == ["earlier", "other"] and set(history.entries) == {0, 1, 2, 3}


def test_candidates_are_those_of_one_edit():
    history = History.of(PICTURE).grown(results("a")).grown(results("b", "b", "b"))
    assert [entry.number for entry in history.candidates()] == [2, 3, 4]
    assert history.show(4).result.number == 4 and history.show(4).candidates() == history.candidates()
    assert history.go(0).candidates() == []


@given(st.lists(st.tuples(st.sampled_from(["edit", "undo", "go", "use", "show"]), st.integers(0, 10**6)), max_size=120))
def test_any_walk_stays_in_the_tree(acts):
    history = History.of(PICTURE)
    for act, number in acts:
        if act == "edit":
            history = history.grown(results(*["words"] * (1 + number % 4)))
        elif act == "undo":
            history = history.undo()
        elif act == "go":
            history = history.go(list(history.entries)[number % len(history.entries)])
        elif act == "use" and history.result:
            history = history.go(history.shown)
        elif act == "show" and history.result:
            history = history.show(history.candidates()[number % len(history.candidates())].number)
        assert 0 in history.entries and history.at in history.entries and history.shown in (None, *history.entries)
        assert all(entry.parent is None or (entry.parent in history.entries and entry.parent < key) for key, entry in history.entries.items())
        assert all(key == entry.number and len(history.edits(key)) < len(history.entries) for key, entry in history.entries.items())
        assert history.result is None or history.result.parent == history.at


def test_old_pictures_that_nothing_came_of_are_forgotten():
    history = History.of(PICTURE).grown(results("kept")).go(1)
    for number in range(2 * MOST_KEPT):
        history = history.grown(results(f"try {number}"))
    assert len(history.entries) == MOST_KEPT and {0, 1} <= set(history.entries)
    assert told(history, history.shown) == ["kept", f"try {2 * MOST_KEPT - 1}"]
    deep = History.of(PICTURE)
    for _ in range(MOST_KEPT + 10):
        deep = deep.grown(results("on"))
        deep = deep.go(deep.shown)
    assert len(deep.edits(deep.at)) == MOST_KEPT + 10, "what led to the picture is never forgotten"
