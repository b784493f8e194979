"""Columns of texts, against what Arrow makes of the same list."""

import pyarrow as pa
import pytest

from contextual_anomaly.runtime import arrow


@pytest.mark.parametrize("texts", [[], [""], ["a", "", "bc"], ["naïve", "", "猫", "plain"], ["a\0b", "é"]])
def test_texts_are_those_of_the_list(monkeypatch, texts):
    monkeypatch.setattr(arrow, "TEXTS_AT_ONCE", 2)
    column = arrow.from_texts(texts)
    column.validate(full=True)
    assert column.cast(pa.string()).to_pylist() == texts
