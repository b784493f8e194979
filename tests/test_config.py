"""The configuration: its three forms agree, and every mistake is named."""

import json
import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from contextual_anomaly.config import Configuration, read_config
from contextual_anomaly.errors import UserError

ROOT = Path(__file__).resolve().parents[1]
DEFAULT = (ROOT / "config.yaml").read_text()


def test_config_yaml_states_the_defaults():
    assert Configuration.model_validate(yaml.safe_load(DEFAULT)) == Configuration()


def test_every_setting_of_config_yaml_has_a_comment():
    lines = DEFAULT.splitlines()
    for number, line in enumerate(lines):
        setting = re.match(r"( *)(\w+): ?\S", line)
        # A second model of a family repeats the first one's; detectors and downloads explain theirs in one comment.
        if setting and setting[2] not in (
            "family",
            "weights",
            "cfg",
            "input_size",
            "class_names",
            "resize",
            "results",
            "images",
            "unseen",
            "size",
            "sha256",
        ):
            above = lines[number - 1].strip()
            explained = any(re.match(rf"    {setting[2]}: ", earlier) for earlier in lines[:number])
            assert above.startswith("#") or explained, f"config.yaml line {number + 1} has no comment: {line}"


def test_the_json_schema_is_that_of_the_types():
    schema = json.loads((ROOT / "workflow/schemas/config.schema.json").read_text())
    assert schema == Configuration.model_json_schema(), (
        "run: python -c 'import json; from contextual_anomaly.config import Configuration as C; "
        "print(json.dumps(C.model_json_schema(), indent=2))' > workflow/schemas/config.schema.json"
    )
    Draft202012Validator(schema).validate(yaml.safe_load(DEFAULT))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"treshold": 1}, "there is no setting treshold; config.yaml lists them all"),
        ({"scenes": {"minimum_clases": 2}}, "there is no setting scenes.minimum_clases"),
        (
            {"scenes": {"minimum_classes": "two"}},
            "scenes.minimum_classes: Input should be a valid integer, found 'two'",
        ),
        ({"scenes": {"minimum_classes": True}}, "scenes.minimum_classes: Input should be a valid integer, found True"),
        ({"anomalies": {"missing_above": 1.5}}, "anomalies.missing_above: Input should be less than or equal to 1"),
        ({"dataset": {"kind": "imagenet"}}, "dataset.kind: Input should be 'synthetic', 'coco' or 'own'"),
        (
            {"models": {"a": {"family": "autoencoder", "objective": "published", "bottlenecks": [5]}}},
            "models.a: chosen_bottleneck 10 is not among",
        ),
        ({"models": {"a": {"family": "mixture", "steps": "many"}}}, "models.a.steps: Input should be a valid integer"),
        ({"models": {"a": {"family": "mixture", "depth": 3}}}, "there is no setting models.a.depth"),
        ({"models": {"a": {"family": "transformer"}}}, "models.a: Input tag 'transformer' found using 'family'"),
        ({"models": {"oracle": {"family": "frequency"}}}, "'oracle' belongs to the synthetic world"),
        ({"models": {"../x": {"family": "frequency"}}}, "models.../x"),
        (
            {
                "models": {"a": {"family": "ensemble", "estimators": ["x", "y"]}},
                "anomalies": {"models": ["a"]},
                "rescoring": {"model": "a"},
            },
            "models.a.estimators: 'x' is not a model to put together",
        ),
        (
            {"detection": {"detectors": [{"name": "a", "results": "a.json", "family": "yolox"}]}},
            "'a' has results, so no network is run: leave out family",
        ),
        (
            {"detection": {"detectors": [{"name": "a"}]}},
            "'a' needs the family of its network, or the file of its results",
        ),
        ({"anomalies": {"models": ["a"]}}, "anomalies.models: there is no model 'a'"),
        ({"results": "$(reboot)"}, "results: String should match pattern"),
        ({"detection": {"detectors": [{"name": "a", "family": "yolov8"}] * 2}}, "two detectors have the same name"),
        (
            {"detection": {"detectors": [{"name": "a", "family": "darknet", "weights": "a.weights"}]}},
            "'a' has Darknet weights, a.weights, so its cfg is needed as well",
        ),
        (
            {"detection": {"detectors": [{"name": "a", "family": "yolox", "weights": "a.weights", "cfg": "a.cfg"}]}},
            "'a' has a cfg, so its family is darknet",
        ),
        (
            {"detection": {"detectors": [{"name": "a", "family": "yolov8", "input_size": 96}]}},
            "'a' has an input_size, but the synthetic world",
        ),
        (
            {"detection": {"detectors": [{"name": "a", "family": "yolov8", "weights": "yolox-s"}]}},
            "yolox-s is of the family yolox",
        ),
        ({"pretrained": {"models": {"mine": "a"}}}, "pretrained.models.mine: there is no model 'a'"),
    ],
)
def test_a_mistake_is_named(change, message):
    with pytest.raises(UserError) as error:
        read_config(change)
    assert message in str(error.value)


def test_numbers_may_come_as_text_from_the_command_line():
    settings = read_config({"anomalies": {"missing_above": "0.7"}, "scenes": {"include_person": "true"}})
    assert settings.anomalies.missing_above == 0.7
    assert settings.scenes.include_person is True
    assert read_config({"rescoring": {"thresholds": ["0.25"]}}).rescoring.thresholds == [0.25]
    models = yaml.safe_load(DEFAULT)["models"]
    models["mixture"]["steps"] = "40"
    assert read_config({"models": models}).models["mixture"].steps == 40


def test_a_local_copy_comes_from_the_setting_or_the_environment(tmp_path):
    values = {"dataset": {"kind": "coco"}, "detection": {"detectors": []}}
    assert read_config(values, {}).dataset.local_copy == ""  # COCO can be downloaded
    assert read_config(values, {"CONTEXTUAL_ANOMALY_DATA": str(tmp_path)}).dataset.local_copy == str(tmp_path)
    values["dataset"]["local_copy"] = str(tmp_path / "nowhere")
    with pytest.raises(UserError, match="is not a folder"):
        read_config(values, {})


def test_own_data_must_be_there(tmp_path):
    values = {"dataset": {"kind": "own"}, "detection": {"detectors": []}}
    with pytest.raises(
        UserError, match=r"set dataset\.local_copy, or the environment variable CONTEXTUAL_ANOMALY_DATA"
    ):
        read_config(values, {})
    with pytest.raises(UserError, match=r"dataset\.train_annotations: there is no file .*instances_train2017\.json"):
        read_config(values, {"CONTEXTUAL_ANOMALY_DATA": str(tmp_path)})


def test_own_data_may_be_one_file_or_a_folder(tmp_path):
    (tmp_path / "set").mkdir()
    values = {
        "dataset": {"kind": "own", "local_copy": str(tmp_path), "train_annotations": "set", "val_annotations": ""},
        "detection": {"detectors": []},
    }
    assert read_config(values).dataset.val_annotations == ""
    values["dataset"]["kind"] = "coco"
    with pytest.raises(UserError, match="COCO has a file for each"):
        read_config(values)


def test_person_counts_in_own_data_unless_it_is_said(tmp_path):
    assert read_config({}).scenes.include_person is False
    (tmp_path / "a.json").write_text("{}")
    dataset = {"kind": "own", "local_copy": str(tmp_path), "train_annotations": "a.json", "val_annotations": ""}
    values: dict = {"dataset": dataset, "detection": {"detectors": []}}
    assert read_config(values).scenes.include_person is True
    assert read_config(values | {"scenes": {"include_person": False}}).scenes.include_person is False


def test_addresses_are_of_the_web():
    file = {"addresses": ["file:///etc/passwd"], "size": 1, "sha256": 64 * "0"}
    with pytest.raises(UserError, match=r"downloads\.files\.a\.zip\.addresses\.0"):
        read_config({"downloads": {"files": {"a.zip": file}}})
    with pytest.raises(UserError, match=r"downloads\.files\.\.\./a"):
        read_config({"downloads": {"files": {"../a": file | {"addresses": ["https://example.org/a"]}}}})


def test_only_the_embedded_world_builds_a_detector(tmp_path):
    with pytest.raises(UserError, match="'world' has no weights"):
        read_config({"dataset": {"kind": "coco", "local_copy": str(tmp_path)}})


def test_a_model_can_be_removed_by_a_later_file():
    values = yaml.safe_load(DEFAULT)
    values["models"]["denoising"] = None
    assert "denoising" not in read_config(values).models
    values["models"]["mixture"] = None
    with pytest.raises(UserError, match=r"models\.ensemble\.estimators: 'mixture' is not a model to put together"):
        read_config(values)


def test_the_coco_configuration_is_valid(tmp_path):
    values = yaml.safe_load(DEFAULT)
    for section, content in yaml.safe_load((ROOT / "workflow/config/coco2017.yaml").read_text()).items():
        if isinstance(content, dict):
            values[section] = {
                k: {**(values[section].get(k) or {}), **v} if isinstance(v, dict) else v
                for k, v in {**values[section], **content}.items()
            }
        else:
            values[section] = content
    settings = read_config(values, {"CONTEXTUAL_ANOMALY_DATA": str(tmp_path)})
    assert settings.models["published"].weight_seeds == [0, 1, 2, 3, 4]
    assert settings.models["longer"].epochs == 1500
    assert settings.models["published"].epochs == 150
    assert (settings.models["denoising"].weight_seeds, settings.models["denoising"].epochs) == ([0, 1, 2], 30)
    assert settings.experiments.n_resamples == 1000
    assert [detector.weights for detector in settings.detection.detectors] == ["yolox-nano"]
    assert (settings.downloads.images, settings.downloads.subset) == ("subset", 400)
    alone = yaml.safe_load((ROOT / "workflow/config/coco2017_annotations.yaml").read_text())
    for section, content in alone.items():
        values[section].update(content)
    settings = read_config(values, {"CONTEXTUAL_ANOMALY_DATA": str(tmp_path)})
    assert (settings.downloads.images, settings.detection.detectors) == ("none", [])


@pytest.mark.parametrize("text", ["[", "a: b: c", "&a [*a]", "{", "2001-99-99", "- " * 3000])
def test_text_that_is_no_number_is_named(text):
    with pytest.raises(UserError, match=r"world\.seed: Input should be a valid integer, found "):
        read_config({"world": {"seed": text}})


def test_a_value_without_end_is_named_in_a_few_words():
    bomb = ["x"]
    for _ in range(12):
        bomb = [bomb] * 9
    with pytest.raises(UserError, match=r"dataset\.name: ") as error:
        read_config({"dataset": {"name": bomb}})
    assert len(str(error.value)) < 1000
