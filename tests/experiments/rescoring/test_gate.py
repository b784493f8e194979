"""Experiment 2 on a case counted by hand, and its equal-recall method against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, precision_score, recall_score

from contextual_anomaly.experiments.rescoring.gate import (
    GateInputs,
    context_supported_false_positives,
    summary,
    supported_cells,
)
from contextual_anomaly.stats.bootstrap import Bootstrap

#                        sure     weak, expected   weak, odd   nothing
HAND = GateInputs(
    score=np.array([[0.9, 0.3, 0.3, 0.0], [0.6, 0.2, 0.4, 0.1]]),
    probability=np.array([[0.0, 0.8, 0.05, 0.9], [0.3, 0.5, 0.02, 0.0]]),
    annotated=np.array([[True, True, False, True], [False, False, True, False]]),
)


@pytest.fixture
def rows():
    table = summary(HAND, [0.25], keep_above=0.5, context_threshold=0.1, bootstrap=Bootstrap(2, 10, 0))
    return table.set_index("method")


def test_counts_by_hand(rows):
    # Alone above 0.25: 0.9 0.3 0.3 | 0.6 0.4, of which 0.9, 0.3 and 0.4 are annotated.
    assert rows.loc["detector", ["tp", "fp", "fn", "tn"]].tolist() == [3, 2, 1, 2]
    # The gate drops the two that are weak and not expected: one false, one true.
    assert rows.loc["gate", ["tp", "fp", "fn", "tn"]].tolist() == [2, 1, 2, 3]
    assert rows.loc["gate", "precision"] == pytest.approx(2 / 3)
    assert rows.loc["gate", "recall"] == pytest.approx(2 / 4)
    assert rows.loc["gate", "f1"] == pytest.approx(2 * 2 / (3 + 4))


def test_the_detector_at_the_gates_recall(rows):
    # By falling score 0.9 true, 0.6 false, 0.4 true: recall 2 / 4 is reached with precision 2 / 3.
    assert rows.loc["detector_at_gate_recall", ["tp", "fp"]].tolist() == [2, 1]
    assert rows.loc["detector_at_gate_recall", "matched_threshold"] == 0.4
    assert rows.loc["gate", "precision_gain_same_recall"] == pytest.approx(2 / 3 - 2 / 3)
    assert rows.loc["gate", "precision_gain_same_threshold"] == pytest.approx(2 / 3 - 3 / 5)


def test_false_positives_that_context_supports_by_hand():
    table = context_supported_false_positives(HAND, [0.15, 0.25, 0.95], context_threshold=0.1)
    # Not annotated and above 0.15: 0.3 (odd) | 0.6 (expected), 0.2 (expected).
    assert table[["unannotated", "supported"]].to_numpy().tolist() == [[3, 2], [2, 1], [0, 0]]
    assert table["share"].tolist()[:2] == [pytest.approx(2 / 3), 0.5]
    assert np.isnan(table["share"].iloc[2])
    image, column = supported_cells(HAND, 0.15, 0.1)
    assert list(zip(image, column, strict=True)) == [(1, 0), (1, 1)]  # 0.6 × 0.3 before 0.2 × 0.5


def test_figures_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    annotated = rng.random((80, 12)) < 0.2
    case = GateInputs(np.clip(rng.normal(0.3 + 0.3 * annotated, 0.2), 0, 1), rng.random((80, 12)), annotated)
    gate = None
    for row in summary(case, [0.1, 0.4], 0.5, 0.3, Bootstrap(80, 200, 0)).itertuples():
        if row.method == "detector_at_gate_recall":
            assert row.recall >= gate.recall
            continue
        kept = case.score > row.threshold
        if row.method == "gate":
            gate = row
            kept &= (case.score > 0.5) | (case.probability > 0.3)
            alone = precision_score(annotated.ravel(), (case.score > row.threshold).ravel())
            assert row.precision_gain_same_threshold == pytest.approx(row.precision - alone)
            assert (
                row.precision_gain_same_threshold_low
                < row.precision_gain_same_threshold
                < row.precision_gain_same_threshold_high
            )
            # Paired: the same images in both, so it is narrower than two intervals apart.
            assert (
                row.precision_gain_same_threshold_high - row.precision_gain_same_threshold_low
                < row.precision_high - row.precision_low
            )
        assert row.precision == pytest.approx(precision_score(annotated.ravel(), kept.ravel()))
        assert row.recall == pytest.approx(recall_score(annotated.ravel(), kept.ravel()))
        assert [row.tn, row.fp, row.fn, row.tp] == confusion_matrix(annotated.ravel(), kept.ravel()).ravel().tolist()
        assert row.precision_low < row.precision < row.precision_high
        assert row.recall_low < row.recall < row.recall_high


def test_above_the_sure_score_the_gate_changes_nothing():
    """As published: at the threshold 0.9 the precision is the same with the gate and without."""
    table = summary(HAND, [0.55], keep_above=0.5, context_threshold=0.1, bootstrap=Bootstrap(2, 10, 0)).set_index(
        "method"
    )
    assert (
        table.loc["gate", ["tp", "fp", "fn", "tn"]].tolist() == table.loc["detector", ["tp", "fp", "fn", "tn"]].tolist()
    )
