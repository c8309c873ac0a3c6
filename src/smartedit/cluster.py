"""Joining a Ray cluster, with an answer in words when there is none."""

from __future__ import annotations

import os
import socket

from smartedit.errors import MissingExtra, SmartEditError
from smartedit.images import first_line

#: The address that stands for a cluster of this machine alone, started for the run.
LOCAL = "local"

#: Seconds to wait for a cluster's port to answer: Ray itself tries for many minutes.
PATIENCE = 5.0


def join(address: str = LOCAL, cores: int | None = None) -> None:
    """Connect this process to the cluster at `address`: `LOCAL` (with `cores`, None: this machine's), `"auto"` (the
    cluster this machine belongs to) or Ray's `host:port`. One that is joined already stays.

    Raises MissingExtra without Ray, and SmartEditError when the cluster cannot be reached.
    """
    try:
        import ray
    except ImportError as error:
        raise MissingExtra("Ray", "ray") from error
    if ray.is_initialized():
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    where = {"num_cpus": cores, "include_dashboard": False} if address == LOCAL else {}
    try:
        _knock(address)
        ray.init(address=address, log_to_driver=False, logging_level="warning", **where)
    except Exception as error:  # a Ray that does not come up raises whatever comes to hand
        raise SmartEditError(f"no Ray cluster at {address} ({first_line(error)}); start one with: ray start --head") from error


def _knock(address: str) -> None:
    host, _, port = address.rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=PATIENCE).close()
