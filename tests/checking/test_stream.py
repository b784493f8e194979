"""Streams of scenes: each line is answered, whatever it is, and none ends the stream."""

import io
import json
import random
import subprocess

import pytest

import contextual_anomaly as ca
from contextual_anomaly.checking.results import SCHEMA, CheckResult
from contextual_anomaly.checking.stream import check_stream
from contextual_anomaly.runtime.lines import LONGEST_LINE


@pytest.fixture(scope="module")
def checker():
    return ca.load("coco-small")


def answers(checker, text: str | bytes) -> list[CheckResult]:
    data = text if isinstance(text, bytes) else text.encode()
    return list(check_stream(checker, io.BytesIO(data), "-"))


def test_each_line_has_an_answer_with_its_number(checker):
    found = answers(checker, 'fork, knife\n\n{"fork": 0.9, "knife": 0.8}\n["fork", "knife"]')
    assert [result.line for result in found] == [1, 3, 4]
    assert all(result.error is None for result in found)
    assert [[one.category for one in result.objects] for result in found] == [["fork", "knife"]] * 3


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b'{"fork":', "bad_line"),
        (b'{"fork": 2}', "out_of_range"),
        (b'{"fork": NaN}', "out_of_range"),
        (b'{"fork": 1e999}', "out_of_range"),
        (b'{"fork": null}', "out_of_range"),
        (b'{"fork": true}', "out_of_range"),
        (b'{"fork": ' + b"9" * 5000 + b"}", "bad_line"),  # more digits than Python reads
        (b'{"fork": ' + b"9" * 400 + b"}", "out_of_range"),  # more than a float holds
        (b'{"fork": "much"}', "bad_line"),
        (b'{"objects": [7, {"score": 1}]}', "bad_line"),
        (b'{"objects": [{"category": "fork", "score": 0.5, "box": [1, 2]}]}', "out_of_range"),
        (b"[" * 100_000, "bad_line"),
        (b"\xff\xfe\x00", "bad_line"),
        (b"frok, knife", "unknown_class"),
        (b"fork=x", "bad_line"),
        (b"7", "unknown_class"),
        (b"x" * (LONGEST_LINE + 10), "bad_line"),
        (b'{"a": {"b": 1}}', "bad_line"),
        ("\u202e\x1b[31m".encode(), "unknown_class"),
    ],
)
def test_a_line_that_is_wrong_is_answered_by_an_error_and_the_next_by_an_answer(checker, line, kind):
    wrong, right = answers(checker, line + b"\nfork, knife\n")
    assert wrong.error is not None
    assert wrong.error.kind == kind
    assert wrong.line == 1
    assert json.loads(wrong.to_json())["error"]["kind"] == kind
    assert right.error is None
    assert [found.category for found in right.objects] == ["fork", "knife"]


def test_of_a_line_with_an_unknown_class_the_rest_is_answered(checker):
    bare, mixed = answers(checker, "fork, knife, cup\nfork, frok, knife, cup\n")
    assert mixed.error is not None
    assert mixed.error.classes == ("frok",)
    assert mixed.error.message == "'frok' (did you mean fork or book?) is no class of model 'coco-small'."
    assert [one for one in mixed.objects if one.category != "frok"] == list(bare.objects)
    assert mixed.absent == bare.absent


def test_noise_does_not_end_the_stream(checker):
    """Bytes of all kinds, valid lines cut and changed at random places: as many answers as lines that are not empty."""
    rng = random.Random(0)
    valid = [b'{"objects": [{"category": "cup", "score": 0.9, "box": [1, 2, 3, 4]}], "width": 640, "height": 480}', b"fork, cup=0.5", b'{"fork": 1}']  # fmt: skip
    lines = []
    for _ in range(300):
        line = bytearray(rng.choice(valid))
        for _ in range(rng.randrange(4)):
            line[rng.randrange(len(line))] = rng.randrange(256)
        lines.append(bytes(line[: rng.randrange(1, len(line) + 1)]).replace(b"\n", b" "))
    found = answers(checker, b"\n".join(lines))
    assert len(found) == sum(bool(line.strip()) for line in lines)
    assert all(json.loads(result.to_json())["schema"] == SCHEMA for result in found)
    assert not any(result.error and result.error.kind == "failed" for result in found)


def test_an_answer_comes_before_the_next_line():
    """A detector that waits for each answer is not kept waiting."""
    command = ["contextual-anomaly", "check", "-", "--model", "coco-small"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for line in ("fork, knife", "{", "person, cup, surfboard"):
            process.stdin.write(line + "\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["schema"] == SCHEMA
        process.stdin.close()
        assert process.wait() == 2  # a line could not be read
