"""The page in a real browser, by keyboard alone, on a server that is killed on the way."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.runs.review import find_lot

pytestmark = pytest.mark.browser
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
RECORDS = 36
SOURCE = "The old mill of town {0} has {1} wheels. It was built in 1840 by two brothers. It stood for a long time."
TEXT = "Town {0} has a mill with {1} wheels, which two brothers built in 1840."


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on the PATH (Debian: apt-get install chromium); this test needs a real browser")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


class Server:
    """`orefine review FILE` as a process; started again at the same port after a kill."""

    def __init__(self, file: Path) -> None:
        self.file, self.port = file, 0
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "flows.cli", "review", str(self.file), "--port", str(self.port)]
        command += ["--reviewer", "ann", "--reviewer", "bob"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)
        assert self.process.stdout is not None
        self.links = dict(self.process.stdout.readline().strip().split(": ", 1) for _ in range(2))
        self.port = int(self.links["ann"].split(":")[2].split("/")[0])

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate(timeout=20)

    def reviews(self) -> list[Any]:
        queue = find_lot(str(self.file), "").open()
        found = queue.reviews()
        queue.close()
        return found


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    rows = [
        {"id": f"r{n:02}", "text": TEXT.format(n, n + 3), "source": SOURCE.format(n, n + 3)} for n in range(RECORDS)
    ]
    rows[1]["text"] = '<img src=x onerror="document.title=1"> & <script>document.title=2</script>'
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    started = Server(file)
    yield started
    started.kill()


def open_page(browser: Any, link: str, **options: Any) -> Any:
    page = browser.new_context(**options).new_page()
    page.set_default_timeout(20_000)
    page.goto(link)
    page.wait_for_selector("#record:not([hidden])")
    return page


def shows(page: Any, place: str, pattern: str) -> None:
    """Wait for a text. Not by a function in the page: its policy forbids eval."""
    from playwright.sync_api import expect

    expect(page.locator(place)).to_have_text(re.compile(pattern), timeout=20_000)


def press(page: Any, key: str, until: str = "") -> None:
    """One key, and what it is to lead to: text of the counter."""
    page.wait_for_selector("body:not([data-busy])")
    page.keyboard.press(key)
    if until:
        shows(page, "#count", f"{until}$")


def test_thirty_records_by_keyboard_over_a_kill_with_nothing_lost(browser: Any, server: Server):
    page = open_page(browser, server.links["ann"])
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if "Content Security" in message.text else None)
    assert "token" not in page.url
    for number in range(12):
        press(page, "1", f"yours {number + 1}")
    for number in (11, 10, 9):  # three of them back
        press(page, "u", f"yours {number}")
    shows(page, "#text", "^Town 9 ")
    press(page, "n")
    assert page.locator('[data-code="number"]').get_attribute("aria-pressed") == "true"
    press(page, "2", "yours 10")
    for number in range(10, 15):
        press(page, "1", f"yours {number + 1}")
    press(page, "d")  # marked, not yet judged
    press(page, "t")
    page.keyboard.type("look again")
    page.wait_for_timeout(1_000)  # autosave
    server.kill()
    press(page, "Escape")
    press(page, "1")
    shows(page, "#message", "does not answer")
    server.start()
    assert len(server.reviews()) == 15
    page.reload()  # the cookie still holds
    page.wait_for_selector("#record:not([hidden])")
    shows(page, "#text", "^Town 15 ")
    assert page.locator('[data-code="date"]').get_attribute("aria-pressed") == "true"
    assert page.locator("#note").input_value() == "look again"
    press(page, "s")  # skipped: the next one comes
    shows(page, "#text", "^Town 16 ")
    for number in range(15, 30):
        press(page, "3" if number == 20 else "1", f"yours {number + 1}")
    found = {one.item: one for one in server.reviews()}
    assert len(found) == 30
    assert (found["r09"].verdict, found["r09"].defects) == ("fail", ("number",))
    assert "r15" not in found
    assert all(one.seconds > 0 for one in found.values())
    assert errors == []


def test_two_people_at_once_never_see_one_record_and_the_last_key_publishes(browser: Any, server: Server):
    pages = [open_page(browser, server.links[name]) for name in ("ann", "bob")]
    seen: list[set[str]] = [set(), set()]
    for turn in range(RECORDS):
        page = pages[turn % 2]
        if page.locator("#record").is_hidden():
            continue
        seen[turn % 2].add(page.locator("#text").inner_text())
        press(page, "1", f"yours {len(seen[turn % 2])}")
    assert not seen[0] & seen[1]
    for number, page in enumerate(pages):
        while not page.locator("#record").is_hidden():
            seen[number].add(page.locator("#text").inner_text())
            press(page, "1", f"yours {len(seen[number])}")
            page.wait_for_timeout(100)
    assert not seen[0] & seen[1]
    assert len(seen[0] | seen[1]) == RECORDS
    last = pages[1]
    shows(last, "#end-title", "^Every")
    press(last, "Enter")
    shows(last, "#end-title", "accepted")
    assert find_lot(str(server.file), "").review.is_decided()


def test_text_of_a_record_is_text_and_differences_are_marked(browser: Any, server: Server):
    page = open_page(browser, server.links["ann"])
    assert "wheels" in page.locator("#source").inner_text()
    assert page.locator("#text .new").count() > 0
    press(page, "1", "yours 1")
    shows(page, "#text", "onerror")
    assert page.locator("#text").inner_text().startswith("<img src=x onerror=")
    assert page.locator("#record img, #record script").count() == 0
    assert page.title().startswith("Review")
    press(page, "k")
    shows(page, "#text", "^Town 0 ")
    assert page.locator("#text").inner_text().startswith("Town 0 ")
    press(page, "?")
    assert page.locator("#help").is_visible()
    press(page, "1")  # keys judge nothing under the help
    press(page, "Escape")
    assert not page.locator("#help").is_visible()
    assert len(server.reviews()) == 1


def test_without_the_link_there_is_nothing(browser: Any, server: Server):
    page = browser.new_context().new_page()
    answer = page.goto(server.links["ann"].split("?")[0])
    assert answer.status == 401
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(server.links["ann"].split("?")[0] + "review.js")
