"""What a server counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

#: Upper ends of the steps in which seconds are counted.
SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """The counters of one server; each server has a registry of its own, so that two may live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        own = {"registry": self.registry}
        self.answers = Counter("smartedit_answers", "Answers by status", ("status",), **own)
        self.edits = Counter("smartedit_edits", "Edits by how they ended: done, left, late, failed", ("end",), **own)
        self.waiting = Gauge("smartedit_waiting", "Edits that wait for their first step", **own)
        self.under_way = Gauge("smartedit_under_way", "Edits that are being denoised", **own)
        self.together = Histogram("smartedit_together", "Edits that took a step together", buckets=(1, 2, 4, 8, 16, 32), **own)
        self.step_seconds = Histogram("smartedit_step_seconds", "Seconds of a step of denoising", buckets=SECONDS, **own)
        self.edit_seconds = Histogram("smartedit_edit_seconds", "Seconds from request to finished edit", buckets=SECONDS, **own)
        self.pictures = Counter("smartedit_pictures", "Pictures by whether they had been encoded before", ("known",), **own)

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)
