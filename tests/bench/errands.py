"""What test_workers.py sends to other processes: a light module, as every process imports it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from smartedit.errors import MissingExtra, ModelError


@dataclass(frozen=True)
class Squaring:
    """A job that squares numbers; some tasks hang or take their process down."""

    def open(self):
        return self.work

    def work(self, task):
        if task == "hang":
            time.sleep(600)
        if task == "die":
            os._exit(7)
        return task * task, os.getpid()


@dataclass(frozen=True)
class Broken:
    """A job that cannot be opened."""

    how: str

    def open(self):
        if self.how == "die":
            os._exit(3)
        raise MissingExtra("thing", "bench") if self.how == "extra" else ValueError("no such weights")


def open_moody():
    return moody


def moody(picture, instruction, seed):
    """Hangs on the second square and dies on the third."""
    number = int(instruction.split()[-1])
    if number == 1:
        time.sleep(600)
    if number == 2:
        os._exit(9)
    return picture


def raise_model_error():
    raise ModelError("no model there; get one")
