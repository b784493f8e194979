"""What each address of the page gives, asked without a server."""

import json
import re

import pytest
import simplejpeg

from contextual_anomaly.watching.frames import SourceState, SourceStatus
from contextual_anomaly.watching.page import application as application_module
from contextual_anomaly.watching.page import streams
from contextual_anomaly.watching.page.access import MARK
from contextual_anomaly.watching.page.application import LARGEST_BODY
from tests.watching.page.asgi import ask

POST = {MARK: "test", "Content-Type": "application/json"}


def messages(parts: tuple[bytes, ...]) -> list[tuple[str, str, object]]:
    """The server-sent events of a stream: kind, id and content of each."""
    found = []
    for text in b"".join(parts).decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in text.splitlines() if not line.startswith(":"))
        if fields:
            found.append((fields["event"], fields.get("id", ""), json.loads(fields["data"])))
    return found


def test_the_page_is_one_file_under_a_policy_that_lets_it_load_nothing_else(application):
    answer = ask(application, "/")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    html = answer.body.decode()
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", html), "an address outside"
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", html)
    assert not re.search(r"\son\w+=|style=", html), "the policy would refuse it"


def test_a_frame_is_made_once_for_all_who_ask(application, flagged):
    first, second = ask(application, "/frame.jpg"), ask(application, "/frame.jpg")
    assert first.status == second.status == 200
    assert first.body == second.body
    assert first.headers["x-frame"] == str(flagged.number - 1)
    assert simplejpeg.decode_jpeg(first.body).shape == (240, 320, 3)
    drawn = ask(application, "/frame.jpg?boxes=1")
    assert simplejpeg.decode_jpeg(drawn.body).shape == (240, 560, 3)  # with a panel of reasons


def test_nothing_is_encoded_while_nobody_looks(watch, monkeypatch):
    from contextual_anomaly.watching.page.changes import Changes
    from contextual_anomaly.watching.page.pictures import Pictures

    made = []
    pictures = Pictures(watch.live)
    changes = Changes(watch.live)
    monkeypatch.setattr(
        "contextual_anomaly.watching.page.pictures.simplejpeg.encode_jpeg", lambda *a, **o: made.append(1) or b"jpeg"
    )
    watch.see(frames=3)
    assert not made
    for _ in range(3):
        pictures.newest()
    assert len(made) == 1
    changes.close()


def test_the_next_frame_comes_as_soon_as_it_is_there(application, watch):
    watch.see()
    answer = ask(application, "/frame.jpg?after=0", meanwhile=watch.see)
    assert answer.status == 200
    assert answer.headers["x-frame"] == "1"
    # Of another watch, which has seen more: the newest comes at once.
    assert ask(application, "/frame.jpg?after=70").headers["x-frame"] == "1"


def test_no_frame_is_said_after_a_while(application, watch, monkeypatch):
    monkeypatch.setattr(application_module, "LONGEST_WAIT", 0.05)
    assert ask(application, "/frame.jpg").status == 204
    watch.see()
    assert ask(application, "/frame.jpg?after=0").status == 204


def test_objects_without_pixels_have_a_number_and_no_picture(application, watch):
    watch.see(pixels=False)
    answer = ask(application, "/frame.jpg")
    assert (answer.status, answer.headers["x-frame"]) == (204, "0")
    assert ask(application, "/api/scene").json["size"] == [320, 240]
    answer = ask(application, "/stream.mjpg", most=1, meanwhile=watch.see)
    assert len(answer.parts) == 1  # of the frame that has a picture


def test_the_scene_of_a_frame_that_was_shown_can_be_asked_for(application, flagged):
    number = int(ask(application, "/frame.jpg").headers["x-frame"])
    flagged.see(("laptop",))
    said = ask(application, f"/api/scene?frame={number}").json
    assert said["scene"]["frame"] == number
    assert said["size"] == [320, 240]
    assert {found["category"] for found in said["scene"]["objects"] if found["flagged"]} == {"surfboard"}
    assert said["scene"]["promise"]["per_hour"] == 20
    assert said["status"]["state"] == "open"
    assert said["source"] == "desk.mp4"
    assert ask(application, "/api/scene").json["scene"]["frame"] == number + 1


def test_events_are_told_and_told_again_only_to_who_has_missed_them(application, flagged, monkeypatch):
    monkeypatch.setattr(streams, "SILENCE", 0.05)
    told = messages(ask(application, "/events", most=4).parts)
    assert [kind for kind, _, _ in told[:3]] == ["watch", "source", "event"]
    about, event = told[0][2], told[2][2]
    assert about["source"] == "desk.mp4"
    assert "surfboard" in about["classes"]
    assert (event["type"], event["kind"], event["category"]) == ("new", "unexpected", "surfboard")
    last = told[2][1]
    again = messages(ask(application, "/events", headers={"Last-Event-ID": last}, most=4).parts)
    assert last not in [number for _, number, _ in again]
    other_run = messages(ask(application, "/events", headers={"Last-Event-ID": "0.99"}, most=4).parts)
    assert other_run[2][1] == last


def test_a_change_of_the_source_is_told(application, watch):
    broken = SourceStatus(SourceState.RECONNECTING, 1.0, 2.0, "no answer")
    answer = ask(application, "/events", most=3, meanwhile=lambda: watch.live.change_source(broken))
    kind, _, said = messages(answer.parts)[-1]
    assert (kind, said["state"], said["message"]) == ("source", "reconnecting", "no answer")


def test_a_silent_stream_says_that_it_lives(application, watch, monkeypatch):
    monkeypatch.setattr(streams, "SILENCE", 0.05)
    assert ask(application, "/events", most=4).parts[-1] == b": nothing new\n\n"


def test_a_stream_for_players_has_one_frame_a_part(application, watch):
    watch.see()
    answer = ask(application, "/stream.mjpg", most=2, meanwhile=watch.see)
    assert answer.headers["content-type"] == "multipart/x-mixed-replace; boundary=frame"
    for part in answer.parts:
        head, _, jpeg = part.partition(b"\r\n\r\n")
        assert head.startswith(b"--frame\r\nContent-Type: image/jpeg")
        assert f"Content-Length: {len(jpeg) - 2}".encode() in head
        assert simplejpeg.decode_jpeg(jpeg).shape[2] == 3
    assert ask(application, "/stream.mjpg", "HEAD").body == b""


def test_a_snapshot_belongs_to_an_event(application, flagged):
    event = flagged.live.events()[0][1]
    answer = ask(application, f"/snapshots/{event.id}.jpg")
    assert simplejpeg.decode_jpeg(answer.body).shape[0] == 240
    assert ask(application, "/snapshots/../../etc/passwd.jpg").status == 404


def test_what_belongs_here_ends_its_event(application, flagged):
    event = flagged.live.events()[0][1]
    body = json.dumps({"event": event.id}).encode()
    assert ask(application, "/api/belongs-here", "POST", POST, body).json == {"event": event.id}
    flagged.see()
    ends = [said for _, said in flagged.live.events() if said.type == "end"]
    assert [said.id for said in ends] == [event.id]
    assert not any(found.flagged for found in flagged.live.moment.scene.objects)
    assert ask(application, "/api/belongs-here", "POST", POST, body).status == 404


def test_what_if_answers_for_another_scene_and_changes_nothing(application, flagged):
    scene = flagged.live.moment.scene
    track = next(found.track for found in scene.objects if found.category == "surfboard")
    body = json.dumps({"without": [track], "added": ["toilet"]}).encode()
    said = ask(application, "/api/what-if", "POST", POST, body).json
    names = [found["category"] for found in said["objects"]]
    assert "surfboard" not in names
    toilet = said["objects"][names.index("toilet")]
    assert toilet["probability"] < 0.05
    assert flagged.live.moment.scene == scene
    unknown = ask(application, "/api/what-if", "POST", POST, b'{"added": ["unicorn"]}').json
    assert unknown["error"]["classes"] == ["unicorn"]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 400),
        (b"[]", {}, 400),
        (b'{"event": 7}', {}, 400),
        (b'{"event": "a", "more": 1}', {}, 400),
        (b'{"event": "\\ud800"}', {}, 400),
        (b"[" * 10_000, {}, 400),
        (b'{"event": "' + b"a" * LARGEST_BODY + b'"}', {}, 413),
        ([b"a" * 8000] * 4, {}, 413),
        (b'{"event": "no such"}', {}, 404),
        (b'{"event": "a"}', {"Content-Type": "text/plain"}, 415),
    ],
)
def test_a_body_that_makes_no_sense_is_a_mistake_in_words(application, flagged, body, headers, status):
    answer = ask(application, "/api/belongs-here", "POST", {**POST, **headers}, body)
    assert answer.status == status
    assert answer.json["error"]


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/frame.jpg?after=-1", "GET", 400),
        ("/frame.jpg?after=%C2%B2", "GET", 400),
        ("/api/scene?frame=1e3", "GET", 400),
        ("/nothing", "GET", 404),
        ("/../../etc/passwd", "GET", 404),
        ("/api/what-if", "GET", 405),
        ("/frame.jpg", "DELETE", 405),
    ],
)
def test_mistakes_are_told_in_words(application, path, method, status):
    answer = ask(application, path, method, {MARK: "test"})
    assert answer.status == status
    assert answer.json["error"]


def test_health_is_told_until_the_watch_stands_still(application, watch, monkeypatch):
    assert ask(application, "/healthz").json == {"status": "ok"}
    watch.see()
    monkeypatch.setattr(application_module, "STANDSTILL", -1.0)
    assert ask(application, "/healthz").status == 503


def test_metrics_are_those_that_were_counted(application, flagged):
    pytest.importorskip("prometheus_client")
    from prometheus_client.parser import text_string_to_metric_families

    answer = ask(application, "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = {family.name: family for family in text_string_to_metric_families(answer.body.decode())}
    prefix = "contextual_anomaly_watch_"
    value = {name.removeprefix(prefix): family.samples[0].value for name, family in families.items() if family.samples}
    assert value["frames"] == flagged.number
    assert value["promised_false_alarms_per_hour"] == 20
    assert value["events"] == 1
    assert families[prefix + "info"].samples[0].labels["source"] == "desk.mp4"
    states = {sample.labels["state"]: sample.value for sample in families[prefix + "source_state"].samples}
    assert states == {"opening": 0, "open": 1, "stalled": 0, "reconnecting": 0, "ended": 0}
    kinds = {sample.labels["kind"]: sample.value for sample in families[prefix + "flagged"].samples}
    assert kinds["unexpected"] == 1
