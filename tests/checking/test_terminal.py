"""What is said after the answers for many images: notes with their numbers, and what to do where a model knows too little."""

from contextual_anomaly.checking.results import CheckResult
from contextual_anomaly.checking.terminal import Summary


def summary_of(*ignored: tuple[str, ...], note: str | None = None) -> Summary:
    summary = Summary()
    for names in ignored:
        said = "; ".join(filter(None, (note, f"not judged: {', '.join(names)}" if names else "")))
        summary.add(CheckResult("a.json", ignored=names, note=said or None, model="coco"))
    return summary


def test_classes_that_are_not_judged_are_counted_one_by_one_and_the_frequent_come_first():
    names = [tuple("abcdefg"[:count]) for count in range(1, 8)]
    first, hint = summary_of(*names).remarks()
    assert first == "not judged: a (7), b (6), c (5), d (4), e (3), 2 other classes"
    assert "find-label-issues" in hint


def test_the_way_out_is_named_only_where_most_images_hold_classes_unknown_to_the_model():
    unknown, known, person = ("pawn",), (), ("person",)  # a person is left out by intention
    assert len(summary_of(unknown, unknown, known).remarks()) == 2
    assert summary_of(unknown, known, known).remarks() == ["not judged: pawn"]
    assert summary_of(person, person, person).remarks() == ["not judged: person (3)"]


def test_other_notes_stand_before():
    remarks = summary_of(("person",), ("person",), note="sofa is taken as couch").remarks()
    assert remarks == ["sofa is taken as couch (2)", "not judged: person (2)"]
