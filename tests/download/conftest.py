"""A server for each test."""

import pytest

from tests.download.server import Site, serving


@pytest.fixture
def site():
    with serving(Site()) as running:
        yield running
