"""Work on many cases by several processes, none of which can stop the others: a case may raise, hang, or kill its process.

A job is opened once in each process (that is where a model is loaded) and then called with one task after the other.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol

from smartedit.errors import SmartEditError

_CONTEXT = get_context("spawn")


class Job(Protocol):
    """Work that can be sent to another process."""

    def open(self) -> Callable[[Any], Any]:
        """Load what is needed; gives the function that does one task."""
        ...


@dataclass(frozen=True)
class Lost:
    """What comes instead of a result: `status` "too slow" or "died", and why in words."""

    status: str
    error: str


def each(job: Job, tasks: Sequence, processes: int = 0, deadline: float | None = None) -> Iterator[tuple[int, Any]]:
    """(number, result) of every task, as they are done.

    `processes=0` works here, one task after the other, without a deadline. Otherwise a task that takes more than
    `deadline` seconds, or takes its process down, gives a `Lost`, and another process goes on. Tasks, results and the job
    are pickled. Raises what opening the job raises.
    """
    if processes == 0:
        call = job.open() if tasks else None
        yield from ((number, call(task)) for number, task in enumerate(tasks))
        return
    crew = [_Worker(job, processes) for _ in range(min(processes, len(tasks)))]
    waiting = list(enumerate(tasks))[::-1]
    try:
        while crew:
            for worker in _awake(crew, deadline):
                done = worker.done(deadline)
                if done is not None:
                    yield done
                if waiting and worker.ended:
                    crew[crew.index(worker)] = _Worker(job, processes)
                elif waiting and worker.idle:
                    worker.give(*waiting.pop())
                elif worker.ended or worker.idle:
                    crew.remove(worker)
                    worker.stop()
    finally:
        for worker in crew:
            worker.stop()


def shards(count: int, parts: int) -> list[range]:
    """The numbers 0 ... count - 1 dealt out to at most `parts` hands, each nearly as many, none empty."""
    return [range(part, count, parts) for part in range(min(parts, count))]


class _Worker:
    """A process that does one task at a time."""

    def __init__(self, job: Job, crew: int) -> None:
        self.pipe, other = _CONTEXT.Pipe()
        self.process = _CONTEXT.Process(target=_work, args=(job, other, crew), daemon=False)
        self.process.start()
        other.close()
        self.number: int | None = None
        self.since: float | None = None
        self.loaded = self.ended = False

    @property
    def idle(self) -> bool:
        return self.loaded and self.number is None and not self.ended

    def give(self, number: int, task: object) -> None:
        self.number, self.since = number, time.monotonic()
        self.pipe.send(task)

    def left(self, deadline: float | None) -> float | None:
        """Seconds until the task is too slow; None without a deadline or a task."""
        return None if deadline is None or self.since is None else self.since + deadline - time.monotonic()

    def done(self, deadline: float | None) -> tuple[int, Any] | None:
        """The result that has come, or what is known of its loss; None when it is only ready for a first task."""
        if not self.pipe.poll():
            return self._lost("too slow", f"no answer within {deadline:g} s")
        try:
            result = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            if not self.loaded:
                ended = f"a process ended while it was loading (exit code {self.process.exitcode})"
                raise SmartEditError(f"{ended}; use fewer --processes") from None
            return self._lost("died", f"its process ended with exit code {self.process.exitcode}")
        if not self.loaded:
            if isinstance(result, SmartEditError):
                raise result
            self.loaded = True
            return None
        number, self.number, self.since = self.number, None, None
        return number, result

    def _lost(self, status: str, error: str) -> tuple[int, Lost] | None:
        self.stop()
        self.ended = True
        return None if self.number is None else (self.number, Lost(status, error))

    def stop(self) -> None:
        self.pipe.close()
        if self.process.is_alive():
            self.process.kill()
        self.process.join()


def _awake(crew: list[_Worker], deadline: float | None) -> list[_Worker]:
    """The workers that have said something or have run out of time; waits for the first of them."""
    left = [seconds for worker in crew if (seconds := worker.left(deadline)) is not None]
    said: list = wait([worker.pipe for worker in crew], max(0.0, min(left)) if left else None)
    late = [worker for worker in crew if (seconds := worker.left(deadline)) is not None and seconds <= 0]
    return [worker for worker in crew if worker.pipe in said or worker in late]


def _work(job: Job, pipe: Connection, crew: int) -> None:
    """The life of a worker process; it ends with the process that started it, whatever ends that."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // crew)))
    try:
        call = job.open()
    except SmartEditError as error:
        pipe.send(SmartEditError(str(error)))  # subclasses may want other arguments when they are unpickled
        return
    except Exception as error:
        pipe.send(SmartEditError(f"it could not be opened ({type(error).__name__}: {error}); mend that and run again"))
        return
    pipe.send(None)
    while True:
        try:
            task = pipe.recv()
        except (EOFError, OSError):
            return
        pipe.send(call(task))


def _end_with_parent() -> None:
    parent_process().join()
    os._exit(1)
