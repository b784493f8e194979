"""The page in a real Chromium: it looks, clicks, types, has company, and loses its watch."""

import re
import threading
import time
from importlib.resources import files

import pytest

from contextual_anomaly.watching.frames import SourceState, SourceStatus
from contextual_anomaly.watching.page.server import PageServer
from tests.watching.page.browser import Browser, Page, find_chromium
from tests.watching.page.conftest import Watch

PAGE = files("contextual_anomaly.watching.page") / "page.html"
SEEN = "document.querySelector('#flagged h3') && document.querySelector('#log li')"
NUMBER = "moment && moment.scene.frame"
MOVED = """void (window.moved = [], new PerformanceObserver(list => {
    for (const entry of list.getEntries()) for (const {node} of entry.sources) moved.push(node && (node.id || node.parentNode.id));
}).observe({type: 'layout-shift'}))"""
CLOCK_STARTS = """new Set(["0:09 · 9.9 frames/s", "1:00:00 · 100.0 frames/s"].map(text => {
    write($('clock'), text); return $('clock').getBoundingClientRect().left; })).size"""
UNNAMED = """[...document.querySelectorAll('button, input, [role=img], img, section')].filter(node => node.offsetParent
    && !(node.textContent.trim() || node.ariaLabel || node.alt || node.labels && node.labels.length
         || node.getAttribute('aria-labelledby'))).map(node => node.outerHTML)"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium is here (Debian: apt-get install chromium)")
    with Browser(program, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def running(desk_checker):
    """A watch that goes on in another thread, with a surfboard to wonder about and no chair; and its page."""
    watch = Watch(desk_checker, per_hour=60)
    watch.see(frames=16)
    stop = threading.Event()
    with PageServer(watch.live, 0) as server:
        thread = watch.go_on(stop)
        yield watch, server
        stop.set()
        thread.join()


def see(browser: Browser, server: PageServer, **look) -> Page:
    page = browser.page(server.address, **look)
    page.until(SEEN)
    return page


def test_it_shows_what_the_watch_sees_and_nothing_moves_but_the_picture(browser, running):
    _, server = running
    page = see(browser, server)
    assert page.evaluate("$('source').textContent") == "desk.mp4"
    page.until("$('state').textContent === 'running'")
    names = page.evaluate("[...document.querySelectorAll('#flagged h3')].map(node => node.textContent)")
    assert {"surfboard", "missing: chair"} <= set(names)
    assert page.evaluate("document.querySelector('#missing .chip').textContent") == "missing: chair"
    others = page.evaluate("[...document.querySelectorAll('#objects .name')].map(node => node.textContent)")
    assert {"keyboard", "laptop", "mouse"} <= set(others)
    flagged = page.evaluate("[...document.querySelectorAll('.box.flagged span')].map(node => node.textContent)")
    assert "surfboard" in flagged
    assert page.evaluate("$('picture').classList.contains('receding')")
    assert re.match(
        r"Promised: at most 60 false alarms an hour\. Seen: \d events in \d+ s, so at most [\d.]+ an hour \(95 %\)\.",
        page.evaluate("$('figures').textContent"),
    )
    page.until("document.querySelector('#log img').naturalWidth > 0")
    page.evaluate(MOVED)
    number = page.evaluate(NUMBER)
    canvas = "$('picture').toDataURL()"
    before = page.evaluate(canvas)
    page.until(f"{NUMBER} > {number} + 5")
    assert page.evaluate(canvas) != before
    assert set(page.evaluate("moved")) <= {"track"}  # where time goes on
    assert page.evaluate(CLOCK_STARTS) == 1
    assert page.complaints == []
    assert all(address.startswith((server.address, "data:")) for address in page.requested)
    page.close()


def test_what_belongs_here_is_said_by_a_click(browser, running):
    watch, server = running
    page = see(browser, server)
    page.click("#flagged [aria-label='surfboard: Belongs here']")
    page.until("![...document.querySelectorAll('#flagged h3')].some(node => node.textContent === 'surfboard')")
    page.until("[...document.querySelectorAll('#log .ended b')].some(node => node.textContent === 'surfboard')")
    ended = [event.category for _, event in watch.live.events() if event.type == "end"]
    assert ended == ["surfboard"]
    page.close()


def test_all_of_it_is_reached_and_used_by_keyboard(browser, running):
    _, server = running
    page = see(browser, server)
    assert page.evaluate(UNNAMED) == []
    reached = []
    for _ in range(40):
        page.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.ariaLabel"))
        if reached[-1] == "add":
            break
    assert reached[0] is None  # the link that skips the picture
    assert "surfboard: Belongs here" in reached
    assert "Leave out laptop" in reached
    assert reached[-1] == "add"
    page.type("toilet")
    page.press("Enter")
    page.until("[...document.querySelectorAll('#answer li')].some(node => node.textContent.startsWith('toilet'))")
    page.click("[aria-label='surfboard: What if it left?']")
    page.until("document.querySelectorAll('#changes button').length === 2")
    number = page.evaluate(NUMBER)
    page.until(f"{NUMBER} > {number} + 8")  # the focus outlives what is new
    assert page.evaluate("document.activeElement.ariaLabel") == "surfboard: What if it left?"
    assert page.evaluate("document.activeElement.ariaPressed") == "true"
    page.press("Enter")
    page.until("document.querySelectorAll('#changes button').length === 1")
    page.evaluate("void ($('add').value = 'unicorn')")
    page.click("#what form button")
    page.until("!$('notice').hidden && $('notice').textContent.includes('unicorn')")
    page.close()


def test_two_look_on_one_on_a_phone_in_the_dark(browser, running):
    _, server = running
    first = see(browser, server)
    phone = see(browser, server, width=390, height=844, dark=True, phone=True)
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    assert (
        phone.evaluate("Math.min(...[...document.querySelectorAll('#flagged button')].map(node => node.offsetHeight))")
        >= 40
    )
    light = [int(n) for n in re.findall(r"\d+", phone.evaluate("getComputedStyle(document.body).backgroundColor"))]
    assert max(light) < 64
    number = phone.evaluate(NUMBER)
    phone.until(f"{NUMBER} > {number}")
    browser.call("Target.activateTarget", targetId=first.target)
    first.until(f"{NUMBER} > {number}")
    first.close()
    phone.close()


def test_what_becomes_of_the_source_and_of_the_watch_is_said(browser, running):
    watch, server = running
    page = see(browser, server)
    watch.live.change_source(SourceStatus(SourceState.RECONNECTING, 1.0, time.time(), "no answer"))
    page.until("$('state').textContent === 'reconnecting …' && $('cover').textContent.includes('no answer')")
    assert page.evaluate("$('state').dataset.look") == "warn"
    watch.live.change_source(SourceStatus(SourceState.OPEN, 2.0, time.time()))
    page.until("$('state').textContent === 'running' && $('cover').hidden")
    server.stop()
    page.until("$('state').textContent === 'no contact with the watch' && !$('cover').hidden")
    page.close()


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_is_readable_on_its_ground(scheme):
    """WCAG 2.2, 1.4.3: a contrast of 4.5 to 1 at least."""
    block = re.findall(r":root \{(.*?)\}", PAGE.read_text(encoding="utf-8"), re.DOTALL)[scheme]
    colour = {"white": "#ffffff", **dict(re.findall(r"--([\w-]+): (#\w+);", block))}

    def luminance(name: str) -> float:
        digits = colour[name][1:]
        digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
        parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    pairs = [("ink", "paper"), ("ink", "card"), ("quiet", "paper"), ("quiet", "card"), ("quiet", "soft"),
             ("flagged", "flagged-soft"), ("quiet", "flagged-soft"), ("missing", "missing-soft"), ("missing", "card"),
             ("warn", "card"), ("ink", "warn-soft"), ("white", "flagged-fill")]  # fmt: skip
    for text, ground in pairs:
        high, low = sorted((luminance(text), luminance(ground)), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 4.5, (text, ground)
