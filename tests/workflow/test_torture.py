"""A small part of `python -m tests.torture`: nothing is silent, and nothing ends in a traceback."""

import os
from collections import Counter

import pytest

from tests.torture import damaged, killed, refused

pytestmark = pytest.mark.workflow


def check(rows) -> None:
    bad = {what: found for what, found in rows if found["silent"] or found["traceback"] or not found.total()}
    assert bad == {}


def test_damaged_files_are_named(finished, tmp_path):
    check(damaged.rows(finished.folder / "results", 30, tmp_path))


def test_killed_processes_leave_nothing_half_written(finished, tmp_path):
    check(killed.rows(finished, 6, tmp_path))


def test_every_command_says_where_it_cannot_write(finished, tmp_path):
    """One command after the other on a full disk and on a read-only one; `python -m tests.torture` tries all on both."""
    if os.getuid() != 0:
        pytest.skip("file systems cannot be mounted here (needs root)")
    found = refused.attempt(finished, [refused.on_a_full_disk, refused.on_a_read_only_disk], tmp_path)
    assert found == Counter(clear=found.total())
    assert found.total() > 20
