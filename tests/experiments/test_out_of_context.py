"""Images that are out of context by nature: AUROC by hand, and what is wrong with a list."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from contextual_anomaly.errors import UserError
from contextual_anomaly.experiments.out_of_context import MEAN, read_cases, run
from contextual_anomaly.models.base import Conditional, Variant
from contextual_anomaly.scenes import Scenes


class Given(Conditional):
    """A model whose answers are given."""

    family, name, variants, classes = "given", "given", (Variant(), Variant()), ("cat", "dog", "kite")

    def __init__(self, log_odds):
        self.answers = log_odds

    def state(self):
        return {}, {}

    def log_odds(self, presence, geometry=None):
        return np.stack([self.answers + 1, self.answers - 1]).astype(np.float32)


@pytest.fixture
def scenes():
    counts = np.random.default_rng(0).integers(0, 2, (200, 3)).astype(np.uint16)
    return Scenes(np.arange(100, 300), counts, ("cat", "dog", "kite"), (17, 18, 38), "mine")


@pytest.fixture
def listed(scenes):
    rng = np.random.default_rng(1)
    rows = []
    for column, name in enumerate(scenes.classes[:2]):
        for kind, present in (("hard_positive", True), ("hard_negative", False)):
            images = scenes.image_ids[(scenes.counts[:, column] > 0) == present]
            rows += [("gist", name, kind, image) for image in rng.choice(images, 20, replace=False)]
    return pd.DataFrame(rows, columns=["criterion", "class", "kind", "image_id"])


def test_auroc_is_scikit_learns_and_the_mean_is_over_classes(scenes, listed, tmp_path):
    other = pd.DataFrame([("gist", "kite", "hard_positive", 5)], columns=listed.columns)  # an image of another split
    pd.concat([listed, other]).to_csv(tmp_path / "cases.csv", index=False)
    answers = np.random.default_rng(2).standard_normal((200, 3))
    results = run(Given(answers), scenes, None, read_cases(tmp_path / "cases.csv", scenes), 50, 0)
    found = results.set_index(["question", "class"])
    assert len(found) == 6
    expected = {"unexpected": [], "missing": []}
    for column, name in enumerate(scenes.classes[:2]):
        for question, kind, sign in (("unexpected", "hard_positive", -1), ("missing", "hard_negative", 1)):
            candidates = (scenes.counts[:, column] > 0) == (kind == "hard_positive")
            hard = listed.loc[(listed["class"] == name) & (listed["kind"] == kind), "image_id"]
            auroc = roc_auc_score(np.isin(scenes.image_ids[candidates], hard), sign * answers[candidates, column])
            row = found.loc[(question, name)]
            assert row["value"] == pytest.approx(auroc, abs=1e-6)
            assert row["low"] < auroc < row["high"]
            assert (row["hard"], row["others"]) == (20, candidates.sum() - 20)
            expected[question].append(auroc)
    for question, values in expected.items():
        assert found.loc[(question, MEAN), "value"] == pytest.approx(np.mean(values), abs=1e-6)


def test_parquet_is_read_as_well(scenes, listed, tmp_path):
    listed.to_parquet(tmp_path / "cases.parquet")
    listed.to_csv(tmp_path / "cases.csv", index=False)
    pd.testing.assert_frame_equal(*(read_cases(tmp_path / f"cases.{kind}", scenes) for kind in ("parquet", "csv")))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "hard"}, r"kind 'hard' \(80 rows; expected one of hard_positive, hard_negative\)"),
        ({"class": "unicorn"}, "class 'unicorn', which the data set does not have"),
        ({"image_id": 1}, "none of the 80 images is one of the validation split"),
        ({"kind": "hard_positive"}, "40 rows contradict the annotations, such as image"),
        ({"image_id": None}, "values are missing: 80 in image_id"),
    ],
)
def test_what_is_wrong_with_a_list_is_said(scenes, listed, tmp_path, change, message):
    listed.assign(**change).to_csv(tmp_path / "cases.csv", index=False)
    with pytest.raises(UserError, match=message):
        read_cases(tmp_path / "cases.csv", scenes)


def test_a_file_that_is_no_table_is_named(scenes, tmp_path):
    (tmp_path / "cases.csv").write_text("criterion,image_id\ngist,3\n")
    with pytest.raises(UserError, match=r"cases\.csv: .* needs the columns .*; class, kind are missing"):
        read_cases(tmp_path / "cases.csv", scenes)
    (tmp_path / "cases.parquet").write_bytes(b"PAR1 and nothing")
    with pytest.raises(UserError, match=r"cases\.parquet: .* was expected"):
        read_cases(tmp_path / "cases.parquet", scenes)
