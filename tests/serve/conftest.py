"""A server with a quick stand-in for the model."""

from __future__ import annotations

import pytest
from serving import Quick, served

from smartedit.serve.limits import Limits


@pytest.fixture
def quick():
    return Quick(Limits(upload=2.0, headers=2.0, body=2 * 2**20, pixels=1_000_000))


@pytest.fixture
def address(quick):
    with served(quick) as address:
        yield address
