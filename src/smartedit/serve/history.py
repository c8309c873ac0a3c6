"""The pictures of one visit to the page: a tree of edits in which nothing is lost by going back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from PIL import Image

from smartedit.provenance import Edit

#: Pictures that are kept; beyond it the oldest that nothing was made of are forgotten.
MOST_KEPT = 40


@dataclass(frozen=True)
class Entry:
    """One picture: as it came (no `parent`), or what an edit made of its parent.

    Candidates of one edit share its `turn`. `region` is the mask of what changed ("L", 255 inside), `notes` are remarks.
    """

    number: int
    picture: Image.Image
    parent: int | None = None
    turn: int = 0
    edit: Edit | None = None
    region: Image.Image | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class History:
    """All pictures so far by number; never changed, every act gives a new one.

    `at` is the picture that the next edit starts from, `shown` the result that is looked at, if any. `name` is what the
    picture's file is called without its ending, `before` the edits that its file notes already.
    """

    entries: dict[int, Entry]
    at: int = 0
    shown: int | None = None
    name: str = "picture"
    before: tuple[Edit, ...] = field(default=())

    @classmethod
    def of(cls, picture: Image.Image, name: str = "picture", before: Sequence[Edit] = ()) -> History:
        """The history of a picture that has just come."""
        return cls({0: Entry(0, picture)}, name=name, before=tuple(before))

    @property
    def input(self) -> Entry:
        """What the next edit starts from."""
        return self.entries[self.at]

    @property
    def result(self) -> Entry | None:
        """The result that is looked at."""
        return None if self.shown is None else self.entries[self.shown]

    def candidates(self) -> list[Entry]:
        """The results of the same edit as the one that is looked at, itself included."""
        return [entry for entry in self.entries.values() if self.result and entry.turn == self.result.turn]

    def edits(self, number: int) -> list[Edit]:
        """The edits that lead to a picture, first to last."""
        path = self._path(number)
        return [*self.before, *(entry.edit for entry in reversed(path) if entry.edit)]

    def grown(self, results: Sequence[Entry]) -> History:
        """With the results of an edit of the input, the first of them shown; their numbers, turn and parent are given here."""
        first, turn = max(self.entries) + 1, max(entry.turn for entry in self.entries.values()) + 1
        new = {first + k: replace(entry, number=first + k, turn=turn, parent=self.at) for k, entry in enumerate(results)}
        return replace(self, entries=self.entries | new, shown=first)._pruned()

    def show(self, number: int) -> History:
        """With another candidate looked at."""
        return replace(self, shown=number)

    def go(self, number: int) -> History:
        """With the next edit starting from any picture: on from a result, or a new branch from an earlier one."""
        return replace(self, at=number, shown=None)

    def undo(self) -> History:
        """One step back: the result is put aside, or else the input gives way to what it was made of."""
        if self.shown is None and self.input.parent is not None:
            return self.go(self.input.parent)
        return replace(self, shown=None)

    def can_undo(self) -> bool:
        """Whether there is a step back."""
        return self.shown is not None or self.input.parent is not None

    def _path(self, number: int | None) -> list[Entry]:
        """From a picture back to the first one."""
        path = []
        while number is not None:
            path.append(self.entries[number])
            number = path[-1].parent
        return path

    def _pruned(self) -> History:
        entries = dict(self.entries)
        for number in self.entries:
            needed = {entry.parent for entry in entries.values()} | {self.at} | {entry.number for entry in self.candidates()}
            if len(entries) > MOST_KEPT and number not in needed:
                del entries[number]
        return replace(self, entries=entries)
