"""The report in a real browser: it loads from disk, asks for nothing, fits and prints."""

import base64
import json
import os
import re
import shutil
import subprocess
from contextlib import suppress

import pytest

from report_tables import make_page, make_tables

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
#: Network is not only unused but impossible.
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--remote-debugging-pipe",
)
LAPTOP, PHONE = (1280, 800), (390, 844)
REQUEST = "Network.requestWillBeSent"

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="needs Chromium (Debian package chromium) on the PATH"
)


class Browser:
    """Chromium with one page, driven through a pipe by the DevTools protocol."""

    def __init__(self, profile):
        # Chromium reads commands from file descriptor 3 and answers on 4.
        to_read, self.commands = os.pipe()
        self.answers, to_write = os.pipe()

        def connect():
            # Copies first, so that neither descriptor is overwritten before it is moved.
            source, sink = os.dup(to_read), os.dup(to_write)
            os.dup2(source, 3)
            os.dup2(sink, 4)

        command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, close_fds=False, preexec_fn=connect, **quiet)
        os.close(to_read)
        os.close(to_write)
        self.number, self.buffer, self.events, self.session = 0, b"", [], None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **params):
        """Send a command and return its result; events on the way are kept."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def _read(self):
        while b"\0" not in self.buffer:
            part = os.read(self.answers, 1 << 20)
            assert part, "the browser ended"
            self.buffer += part
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def load(self, path, size):
        """Load a file in a window of this size and wait until it is drawn."""
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **metrics)
        self.events.clear()
        self.call("Page.navigate", url=path.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._read())
        self.evaluate("Promise.all([...document.images].map(image => image.decode()))")

    def evaluate(self, expression):
        """Return the value of a JavaScript expression in the page."""
        result = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def named(self, *methods):
        """Return the parameters of the events that have one of these names."""
        return [event["params"] for event in self.events if event.get("method") in methods]

    def close(self):
        """End the browser."""
        with suppress(AssertionError, OSError):
            self.session = None
            self.call("Browser.close")
        self.process.wait(timeout=30)
        os.close(self.commands)
        os.close(self.answers)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Return the file of a report of a made-up study."""
    folder = tmp_path_factory.mktemp("report")
    path = folder / "report.html"
    path.write_text(make_page(make_tables(20), True, folder), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Return a running browser."""
    running = Browser(tmp_path_factory.mktemp("profile"))
    yield running
    running.close()


@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_page_loads_from_disk_and_asks_for_nothing(browser, report, size):
    browser.load(report, size)
    requests = {p["request"]["url"].split(":")[0] for p in browser.named(REQUEST)}
    assert requests <= {"file", "data"}
    pages = [p for p in browser.named(REQUEST) if p["request"]["url"].startswith("file")]
    assert len(pages) == 1
    assert browser.named("Runtime.consoleAPICalled", "Runtime.exceptionThrown") == []
    assert browser.named("Log.entryAdded") == []


def test_every_image_is_drawn(browser, report):
    browser.load(report, LAPTOP)
    widths = browser.evaluate("[...document.images].map(image => image.naturalWidth)")
    assert len(widths) == 17
    assert min(widths) > 0


def unfold(browser, what="details"):
    browser.evaluate(f"document.querySelectorAll('{what}').forEach(one => one.open = true)")


@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_unfolded_page_is_no_wider_than_the_window(browser, report, size):
    browser.load(report, size)
    assert browser.evaluate("document.documentElement.scrollWidth") <= size[0]
    unfold(browser)
    assert browser.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert browser.evaluate("document.querySelector('main p').clientWidth") <= 720
    # Tables fit a laptop. On a phone they scroll in boxes, with shadows and words that say so.
    boxes = "[...document.querySelectorAll('.scroll')]"
    wide = f"{boxes}.filter(box => box.scrollWidth > box.clientWidth)"
    cue = "box.parentElement.querySelector('.cue').checkVisibility()"
    assert browser.evaluate(f"{wide}.length > 0") == (size == PHONE)
    assert size == LAPTOP or browser.evaluate(f"{wide}.every(box => {cue})")
    shot = base64.b64decode(browser.call("Page.captureScreenshot", format="png")["data"])
    assert shot.startswith(b"\x89PNG")
    assert len(set(shot)) == 256


def test_answer_comes_first_and_sections_are_folded(browser, report):
    browser.load(report, LAPTOP)
    assert browser.evaluate("document.querySelectorAll('details.section').length") > 15
    assert browser.evaluate("document.querySelectorAll('details.section[open]').length") == 0
    assert browser.evaluate("document.querySelectorAll('#answer .numbers li').length") == 3
    words = "document.querySelector('main').innerText.split(/\\s+/).length"
    assert 300 < browser.evaluate(words) < 1000
    unfold(browser)
    browser.evaluate("document.querySelectorAll('table').forEach(one => one.remove())")
    # The page of the study sim has 380 words more, in sections that these tables lack.
    assert browser.evaluate(words) < 2620


@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_contents_stay_and_unfold_the_section_they_lead_to(browser, report, size):
    browser.load(report, size)
    browser.evaluate("location.hash = 'table-groups'")
    seen = browser.evaluate("document.querySelector('#table-groups').checkVisibility()")
    assert seen
    unfold(browser)
    browser.evaluate("window.scrollTo(0, 5000)")
    top = browser.evaluate("document.querySelector('nav').getBoundingClientRect().top")
    assert top == 0


def test_links_within_the_page_lead_somewhere(browser, report):
    browser.load(report, LAPTOP)
    links = "[...document.querySelectorAll('a[href^=\"#\"]')]"
    lost = f"{links}.filter(link => !document.querySelector(link.getAttribute('href'))).length"
    assert browser.evaluate(f"{links}.length") > 40
    assert browser.evaluate(lost) == 0


def test_dark_mode_has_contrast(browser, report):
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    browser.call("Emulation.setEmulatedMedia", features=dark)
    browser.load(report, LAPTOP)
    colours = "getComputedStyle(document.body)"
    paper, ink = (
        sum(map(int, re.findall(r"\d+", browser.evaluate(f"{colours}.{name}"))[:3]))
        for name in ("backgroundColor", "color")
    )
    browser.call("Emulation.setEmulatedMedia", features=[])
    assert paper < 100
    assert ink > 600


def test_print_unfolds_the_sections(browser, report):
    browser.load(report, LAPTOP)
    pdf = base64.b64decode(browser.call("Page.printToPDF", preferCSSPageSize=True)["data"])
    assert pdf.startswith(b"%PDF")
    assert 5 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 10
