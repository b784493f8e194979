"""Packed rows hold every token and every question once, and what shares a row keeps apart."""

import numpy as np

from contextual_anomaly.models.scene_tokens import SceneTokens
from contextual_anomaly.models.training.packing import pack


def tokens_of(lengths: np.ndarray, seed: int = 0) -> SceneTokens:
    rng = np.random.default_rng(seed)
    total = int(lengths.sum())
    features = rng.normal(size=(total, 8)).astype(np.float32)
    features[rng.random(total) < 0.2] = np.nan
    return SceneTokens(
        np.concatenate([[0], np.cumsum(lengths)]), rng.integers(0, 6, total), features, rng.random(total) < 0.1,
        np.ones(total, np.float32), rng.normal(size=len(lengths)).astype(np.float32), np.arange(total),
    )  # fmt: skip


def test_every_token_and_question_is_there_once():
    lengths = np.random.default_rng(1).integers(0, 9, 300)
    tokens, predicted = tokens_of(lengths), np.array([False, True, True, True, True, True])
    asked = np.arange(300) % 3 > 0
    packed = pack(tokens, tokens.features, asked, predicted, 16, 0)
    assert (packed.scene >= 0).mean() > 0.85
    found = []
    for row in range(len(packed.column)):
        for scene in range(packed.scene[row].max() + 1):
            own = packed.scene[row] == scene
            # NaN would not compare: 0 stands for it, as in the rows.
            assert (packed.boxed[row, own] | (packed.features[row, own] == 0).all(1)).all()
            questions = packed.asked[row] == scene
            assert len(set(packed.aspect[row, questions])) <= 1
            found.append(
                (
                    packed.column[row, own].tolist(),
                    packed.features[row, own].tolist(),
                    sorted(packed.hidden[row, questions].tolist()),
                )
            )
    expected = []
    for scene, (begin, end) in enumerate(zip(tokens.offsets[:-1], tokens.offsets[1:], strict=True)):
        if begin < end:
            own = tokens.column[begin:end]
            questions = [-1, *np.unique(own[own > 0])] if asked[scene] else []
            expected.append((own.tolist(), np.nan_to_num(tokens.features[begin:end]).tolist(), questions))
    assert sorted(found) == sorted(expected)


def test_of_a_crowded_image_each_class_is_kept():
    tokens = tokens_of(np.array([500, 3]))
    rare = int(tokens.offsets[1]) - 1
    tokens.column[:rare] = tokens.column[:rare] % 5
    tokens.column[rare] = 5
    packed = pack(tokens, tokens.features, np.ones(2, bool), np.ones(6, bool), 32, 0)
    crowded = next(row for row in range(len(packed.scene)) if (packed.scene[row] == packed.scene[row, 0]).sum() > 20)
    assert set(packed.column[crowded]) >= set(range(6))
    assert packed.column.shape[1] == 32
