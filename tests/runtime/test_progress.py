"""What a command says of its progress, and what it keeps to itself."""

import logging

from contextual_anomaly.runtime import progress


def test_what_is_kept_quiet_speaks_again_afterwards(caplog):
    inner = logging.getLogger("contextual_anomaly.models.training.schedule")
    with caplog.at_level(logging.INFO, "contextual_anomaly"):
        with progress.only_warnings("contextual_anomaly.models.training"):
            inner.info("an epoch")
            inner.warning("no disk")
        inner.info("another epoch")
    assert [record.getMessage() for record in caplog.records] == ["no disk", "another epoch"]
