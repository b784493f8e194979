"""Which box is which object, in cases made by hand."""

import numpy as np

from contextual_anomaly.watching.following import Followed
from contextual_anomaly.watching.presence import DetectorCurves
from contextual_anomaly.watching.tracking import Track, assign, iou


def a_track(number: int, category: str, box: tuple | None, seen: float = 0.0) -> Track:
    return Track(number, category, box, seen, 0.9, 3.0)


def test_overlap_of_boxes():
    first = np.array([[0, 0, 10, 10], [100, 100, 10, 10], [np.nan] * 4])
    second = np.array([[5.0, 0, 10, 10], [0, 0, 10, 10], [np.nan] * 4])
    expected = [[1 / 3, 1, 0], [0, 0, 0], [0, 0, 1]]
    assert np.allclose(iou(first, second), expected)


def test_assignment_has_the_largest_sum_and_not_the_largest_pair():
    tracks = [a_track(1, "cup", (0, 0, 10, 10)), a_track(2, "cup", (4, 0, 10, 10))]
    # The first box overlaps the second track most, but the other box overlaps that track alone.
    boxes = [(3, 0, 10, 10), (9, 0, 10, 10)]
    assert assign(tracks, ["cup", "cup"], boxes, [True, True], 0.1).tolist() == [0, 1]


def test_objects_of_another_class_are_others():
    assert assign([a_track(1, "cup", (0, 0, 9, 9))], ["bowl"], [(0, 0, 9, 9)], [True], 0.1).tolist() == [-1]


def test_boxes_of_small_score_get_what_is_left():
    tracks = [a_track(1, "cup", (0, 0, 10, 10)), a_track(2, "cup", (50, 0, 10, 10))]
    boxes = [(0, 0, 10, 10), (2, 0, 10, 10), (51, 0, 10, 10)]
    assert assign(tracks, ["cup"] * 3, boxes, [False, True, False], 0.1).tolist() == [-1, 0, 1]


def test_a_moving_object_is_expected_further_on():
    track = a_track(1, "car", (0, 0, 10, 10))
    for frame in range(1, 6):
        track.found((4.0 * frame, 0, 10, 10), 0.9, frame / 10)
    assert assign([track], ["car"], [(28.0, 0, 10, 10)], [True], 0.7).tolist() == [0]
    still = a_track(2, "car", (20, 0, 10, 10), seen=0.5)
    assert assign([still], ["car"], [(28.0, 0, 10, 10)], [True], 0.7).tolist() == [-1]


def test_an_object_keeps_its_number_over_a_short_gap_and_gets_another_after_a_long_one():
    followed = Followed(["cup"], DetectorCurves())
    numbers = []
    for second in (0.0, 0.5, 1.0, 2.5, 3.0, 40.0):
        followed.look(["cup"], [0.9], [(0.0, 0.0, 10.0, 10.0)], second)
        numbers.append(followed.tracks[0].number)
    assert numbers[:5] == [1] * 5
    for second in range(41, 80):
        followed.look([], [], [], float(second))
    assert followed.tracks == []


def test_without_boxes_there_is_one_object_a_class():
    followed = Followed(["cup", "fork"], DetectorCurves())
    for frame in range(4):
        followed.look(["cup", "cup", "fork"], [0.5, 0.9, None], [None] * 3, frame / 2)
    assert [(track.category, track.number) for track in followed.tracks] == [("cup", 1), ("fork", 2)]
    assert followed.tracks[0].score == 0.9
