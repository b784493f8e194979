"""Who may see the page, and who may change something."""

from base64 import b64encode

import pytest

from contextual_anomaly.errors import UserError
from contextual_anomaly.watching.page.access import MARK, check_access, is_local
from contextual_anomaly.watching.page.application import new_application
from contextual_anomaly.watching.page.changes import Changes
from tests.watching.page.asgi import ask

TOKEN = "correct horse battery"
EVERYTHING = [
    "/", "/frame.jpg", "/stream.mjpg", "/events", "/snapshots/x.jpg", "/api/scene", "/metrics", "/nothing",
]  # fmt: skip


@pytest.fixture
def guarded(watch):
    """The page with a token."""
    changes = Changes(watch.live)
    yield new_application(watch.live, changes, TOKEN)
    changes.close()


def basic(token: str, name: str = "anybody") -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{name}:{token}".encode()).decode()}


def post(application, body=b'{"event": "x"}', **headers: str):
    sent = {"Content-Type": "application/json", MARK: "x"}
    for name, value in headers.items():
        sent[name.replace("_", "-")] = value
    return ask(application, "/api/belongs-here", "POST", {k: v for k, v in sent.items() if v}, body)


@pytest.mark.parametrize("host", ["localhost", "localhost:8765", "127.0.0.1:1", "[::1]:8765", "LOCALHOST"])
def test_this_machine_is_answered(application, host):
    assert ask(application, "/api/scene", host=host).status == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example", 421),
        ("evil.example:8765", 421),
        ("localhost.evil.example", 421),
        ("192.168.1.5:8765", 421),
        ("localhost@evil.example", 400),
        ("localhost/evil.example", 400),
        ("", 400),
        (None, 400),
        ("[::1", 400),
        ("localhost:99999999", 400),
        ("local\xadhost", 421),
    ],
)
@pytest.mark.parametrize("path", ["/", "/api/scene", "/healthz"])
def test_a_page_elsewhere_whose_name_leads_here_is_not(application, host, status, path):
    assert ask(application, path, host=host).status == status


@pytest.mark.parametrize("path", EVERYTHING)
def test_with_a_token_nothing_is_answered_without_it(guarded, path):
    for headers in (
        {},
        basic("wrong horse battery x"),
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Digest {TOKEN}"},
        {"Authorization": "Basic ####"},
        {"Authorization": "Basic"},
        {"Authorization": ""},
        {"Authorization": "Bearer \xff"},
    ):
        answer = ask(guarded, path, headers=headers, most=1)
        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith("Basic")
        assert TOKEN not in answer.body.decode()


def test_with_the_token_every_name_is_answered(guarded, watch):
    watch.see()
    for headers in (basic(TOKEN), {"Authorization": f"Bearer {TOKEN}"}):
        assert ask(guarded, "/api/scene", headers=headers, host="camera.example").status == 200
        assert ask(guarded, "/stream.mjpg", headers=headers, host="camera.example", most=1).status == 200
    assert ask(guarded, "/healthz", host="10.0.0.7:8765").json == {"status": "ok"}


def test_changes_need_a_mark_that_other_sites_cannot_send(application, guarded):
    assert post(application).status == 404  # allowed: there is no such event
    refused = post(application, **{MARK: ""})
    assert refused.status == 403
    assert MARK in refused.json["error"]
    assert post(guarded, **basic(TOKEN), **{MARK: ""}).status == 403
    assert post(guarded).status == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://localhost:8765"}, 404),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://localhost:9999"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://[bad"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://camera.example"}, 404),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 404),
    ],
)
def test_other_sites_change_nothing(application, headers, status):
    assert post(application, **headers).status == status


def test_other_sites_may_link_to_the_page_and_embed_nothing(application, watch):
    watch.see()
    away = {"Sec-Fetch-Site": "cross-site"}
    assert ask(application, "/", headers={**away, "Sec-Fetch-Mode": "navigate"}).status == 200
    for path in ("/frame.jpg", "/stream.mjpg", "/api/scene", "/events", "/metrics", "/"):
        assert ask(application, path, headers={**away, "Sec-Fetch-Mode": "no-cors"}, most=1).status == 403


def test_every_answer_has_the_headers_that_keep_browsers_safe(application):
    for path in ("/", "/api/scene", "/nothing", "/healthz"):
        headers = ask(application, path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"


def test_no_network_without_a_token():
    check_access("127.0.0.1", None)
    check_access("::1", None)
    check_access("0.0.0.0", TOKEN)
    for address in ("0.0.0.0", "::", "192.168.1.5", "camera.example"):
        with pytest.raises(UserError, match="token is needed"):
            check_access(address, None)
    with pytest.raises(UserError, match="at least 16") as error:
        check_access("127.0.0.1", "secret")
    assert "secret" not in str(error.value)
    assert is_local("[::1]")
    assert not is_local("127.0.0.1.evil.example")
