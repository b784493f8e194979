"""A server for each test, and an empty cache folder."""

import pytest

from tests.download.conftest import site  # noqa: F401  # a fixture


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Where detectors are kept in an empty cache of the user."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "contextual-anomaly" / "detectors"
