"""Videos of the synthetic world: at every moment a scene as any other, anomalies at known times, files that open."""

import json
import subprocess
import sys

import cv2
import numpy as np
import pandas as pd
import pytest

from contextual_anomaly import tables
from contextual_anomaly.commands.world_video import world_video
from contextual_anomaly.errors import UserError
from contextual_anomaly.world.sampling import sample_objects
from contextual_anomaly.world.simulated_detector import hidden_share, simulate_detections
from contextual_anomaly.world.video_files import truth_table
from contextual_anomaly.world.videos import LIKELY, MISSING, RARE, UNEXPECTED, UNLIKELY, objects_at, sample_video
from tests.processes import unmeasured

HOURS = 3600.0 * 30


@pytest.fixture(scope="module")
def long(world):
    """Thirty hours of a kitchen without anomalies, looked at every 100 seconds."""
    video = sample_video(world, HOURS, 0, np.random.default_rng(4), "kitchen")
    times = np.arange(0, HOURS, 100)
    return video, times, objects_at(world, video, times)


@pytest.fixture(scope="module")
def eventful(world):
    return sample_video(world, 6 * 3600, 30, np.random.default_rng(5), "kitchen")


def test_presence_over_time_is_that_of_the_scene_type(world, long):
    video, times, objects = long
    pairs = objects[["frame", "column"]].drop_duplicates()
    seen = np.bincount(pairs["column"], minlength=80) / len(times)
    share = world.probability[video.scene_type]
    # A class stays 240 seconds at most on average, so that moments 1,000 seconds apart are nearly independent.
    error = np.sqrt(share * (1 - share) / (len(times) / 10))
    assert (abs(seen - share) < 5 * error).all()


def test_boxes_over_time_are_distributed_as_those_of_single_scenes(world, long):
    video, _, objects = long
    column = int(objects["column"].mode()[0])
    single = sample_objects(world, 40_000, np.random.default_rng(1))
    alike = (world.place[single.scene_type][single.image] == world.place[video.scene_type]) & (single.column == column)
    mine = objects[objects["column"] == column]
    for side, name in enumerate(("x", "y", "width", "height")):
        for quantile in (0.25, 0.5, 0.75):
            expected = np.quantile(single.box[alike, side], quantile)
            assert mine[name].quantile(quantile) == pytest.approx(expected, abs=20)


def test_objects_move_smoothly_and_stay_in_the_image(world, eventful):
    times = np.arange(0, 600, 0.125)
    objects = objects_at(world, eventful, times)
    assert (objects[["x", "y"]] >= 0).all(axis=None)
    assert (objects["x"] + objects["width"] <= 320.001).all()
    assert (objects["y"] + objects["height"] <= 240.001).all()
    steps = objects.sort_values(["track", "frame"]).groupby("track")[["x", "y"]].diff().abs()
    assert steps.max().max() < 12  # pixels from frame to frame
    travelled = objects.groupby("track")["x"].agg(lambda x: x.max() - x.min())
    assert travelled.median() > 10


def test_what_events_say_happens(world, eventful):
    times = np.arange(0, 6 * 3600, 0.5)
    objects = objects_at(world, eventful, times)
    share = world.probability[eventful.scene_type]
    kinds = eventful.events["kind"].value_counts()
    assert (kinds[[UNEXPECTED, MISSING, RARE]] > 3).all()
    for event in eventful.events.itertuples():
        during = (times >= event.start) & (times < event.stop)
        there = np.isin(np.flatnonzero(during), objects.loc[objects["column"] == event.column, "frame"])
        if event.kind == MISSING:
            assert share[event.column] > LIKELY
            assert not there.any()
        else:
            assert share[event.column] < UNLIKELY
            assert there.all()
    planted = eventful.events[eventful.events["kind"] != RARE]
    assert (planted["start"].to_numpy()[1:] >= planted["stop"].to_numpy()[:-1]).all()


def test_the_truth_tells_anomalies_from_what_belongs(world, eventful):
    table = truth_table(world, eventful, np.arange(0, 1800, 5.0))
    present = table[table["present"]]
    out_of_place, belongs = present[present["planted"]], present[~present["planted"]]
    assert out_of_place["probability"].median() < 0.01 < 0.2 < belongs["probability"].median()
    assert out_of_place["class_probability"].median() < 0.01 < 0.2 < belongs["class_probability"].median()
    absent = table[~table["present"]]
    gone, never = absent[absent["planted"]], absent[~absent["planted"]]
    assert gone["probability"].median() > 0.3 > never["probability"].median()
    assert absent[["x", "track", "class_probability"]].isna().all(axis=None)
    # The rows of a moment are of one image id, and every absent class stands there once.
    assert not absent.duplicated(["image_id", "category"]).any()


def test_hidden_share_by_hand():
    box = np.array([[0.0, 0, 100, 100], [50, 0, 50, 50], [0, 0, 10, 10], [0, 0, 100, 100]])
    np.testing.assert_allclose(hidden_share(np.array([0, 0, 0, 1]), box), [0.25, 0, 0, 0])
    assert hidden_share(np.array([], int), np.empty((0, 4))).shape == (0,)


def test_the_simulated_detector_errs_as_detectors_do(world, eventful):
    times = np.arange(0, 7200, 1.0)
    objects = objects_at(world, eventful, times)
    found = simulate_detections(world, objects, times, np.random.default_rng(0))
    assert found["frame"].is_monotonic_increasing
    assert found["score"].between(0, 1).all()
    real = found[found["track"] >= 0].merge(objects, on=["frame", "track"], suffixes=("", "_true"))
    recall = len(real) / len(objects)
    assert 0.5 < recall < 0.95
    area = objects["width"] * objects["height"]
    small = objects[area < area.quantile(0.3)].merge(real[["frame", "track"]], on=["frame", "track"])
    assert len(small) / (0.3 * len(objects)) < recall
    right = real["column"] == real["column_true"]
    assert 0.8 < right.mean() < 0.995
    above = np.array(world.supercategories)
    wrong = real[~right]
    assert (above[wrong["column"]] == above[wrong["column_true"]]).all()  # confusions are of the alike
    nothing = found[found["track"] < 0]
    assert 0 < len(nothing) < 0.2 * len(found)
    assert nothing["score"].mean() < 0.5 * real["score"].mean()


@pytest.mark.parametrize("name", ["v.mp4", "v.webm", "v.avi"])
def test_players_open_the_file(tmp_path, name):
    world_video(tmp_path / name, seconds=2, fps=8, place="kitchen")
    reader = cv2.VideoCapture(str(tmp_path / name))
    assert reader.get(cv2.CAP_PROP_FPS) == pytest.approx(8)
    frames = []
    while (read := reader.read())[0]:
        frames.append(read[1])
    assert len(frames) == 16
    assert frames[0].shape == (240, 320, 3)
    change = abs(frames[0].astype(int) - frames[-1]).mean()
    assert 0 < change < 60


def test_frames_detections_truth_and_events_belong_together(tmp_path):
    paths = {"frames": tmp_path / "f", "truth": tmp_path / "t.parquet", "events": tmp_path / "e.csv"}
    world_video(
        None, **paths, detections=tmp_path / "d.jsonl", seconds=30, fps=2, place="office", anomalies_per_hour=400
    )
    world_video(None, detections=tmp_path / "d.parquet", seconds=30, fps=2, place="office", anomalies_per_hour=400)
    assert len(list(paths["frames"].glob("*.png"))) == 60
    lines = [json.loads(line) for line in (tmp_path / "d.jsonl").read_text().splitlines()]
    table = tables.read_table(tmp_path / "d.parquet", tables.DETECTIONS).to_pandas()
    assert len(lines) == 60
    assert [len(line["objects"]) for line in lines] == np.bincount(table["image_id"], minlength=60).tolist()
    assert lines[3]["seconds"] == 1.5
    truth = tables.read_table(paths["truth"], tables.VIDEO_TRUTH).to_pandas()
    assert set(truth["image_id"]) == set(range(60))
    events = pd.read_csv(paths["events"])
    assert (events["place"] == "office").all()
    planted = truth[truth["planted"] & truth["present"]]
    came = events[events["kind"] == UNEXPECTED]
    assert set(planted["category"]) == set(came["category"])


def test_same_seed_same_bytes(tmp_path):
    for name, seed in (("same", 1), ("again", 1), ("other", 2)):
        world_video(
            tmp_path / f"{name}.mp4",
            truth=tmp_path / f"{name}.parquet",
            detections=tmp_path / f"{name}.jsonl",
            seconds=2,
            seed=seed,
        )
    for ending in ("mp4", "parquet", "jsonl"):
        same, again, other = ((tmp_path / f"{name}.{ending}").read_bytes() for name in ("same", "again", "other"))
        assert same == again != other


def test_what_cannot_be_made_is_said(tmp_path):
    with pytest.raises(UserError, match="nothing to write"):
        world_video()
    with pytest.raises(UserError, match=r"one of .*kitchen"):
        world_video(tmp_path / "v.mp4", place="moon")
    with pytest.raises(UserError, match="ends in"):
        world_video(tmp_path / "v.gif", seconds=1)
    with pytest.raises(UserError, match="no frame at all"):
        world_video(tmp_path / "v.mp4", seconds=1, fps=0.5)
    assert not list(tmp_path.iterdir())


def test_a_video_that_cannot_be_written_whole_is_an_error_and_not_left(tmp_path):
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))"
    program = "from contextual_anomaly.cli import main; main()"
    arguments = ["world-video", "--place", "kitchen", "--seconds", "2", "--output", str(tmp_path / "kitchen.avi")]
    # Coverage's own record would be cut off by the limit as well.
    done = subprocess.run(
        [sys.executable, "-c", f"{limited}; {program}", *arguments],
        capture_output=True, text=True, check=False, env=unmeasured(),
    )  # fmt: skip
    assert done.returncode == 2
    assert "frames could be written" in done.stderr.splitlines()[-1]
    assert not list(tmp_path.iterdir())
