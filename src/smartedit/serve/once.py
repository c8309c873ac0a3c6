"""Requests that carry an idempotency key are done once: whoever repeats one is given the first one's answer."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from smartedit.serve.answers import ApiError
from smartedit.serve.limits import Limits
from smartedit.serve.tickets import Finished, Ticket

#: Longest key, in characters.
LONGEST_KEY = 255


@dataclass
class Once:
    """Tickets by key. One that failed is forgotten, so that its repetition is a new attempt."""

    limits: Limits
    _known: OrderedDict[str, tuple[str, Ticket]] = field(default_factory=OrderedDict)

    def submit(self, key: str | None, digest: str, submit: Callable[[bool], Ticket]) -> Ticket:
        """The ticket of this key, or that of `submit(kept)`. Raises ApiError when the key came with another request."""
        if key is None:
            return submit(False)
        if not 1 <= len(key) <= LONGEST_KEY:
            raise ApiError(400, f"the idempotency key has {len(key)} characters; give 1 to {LONGEST_KEY}", "invalid_idempotency_key")
        self._forget()
        first, ticket = self._known.get(key, (digest, None))
        if first != digest:
            raise ApiError(400, "this idempotency key came with another request before; use a new one", "idempotency_key_reused")
        if ticket is None:
            ticket = submit(True)
            self._known[key] = (digest, ticket)
        return ticket

    def _forget(self) -> None:
        """Let go of what failed, is old or too much; never of what is under way."""
        now = time.monotonic()
        over = [key for key, (_, ticket) in self._known.items() if ticket.over]
        surplus = max(0, len(self._known) - self.limits.answers + 1)
        for place, key in enumerate(over):
            ticket = self._known[key][1]
            if place < surplus or not isinstance(ticket.events[-1], Finished) or now - ticket.started > self.limits.kept:
                del self._known[key]
