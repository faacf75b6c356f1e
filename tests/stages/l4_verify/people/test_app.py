"""The page over HTTP: who may, what it says of itself, and that nothing a record holds becomes markup."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from stages.l4_verify.people.app import COOKIE, FILES, HEADERS, make_app, token
from stages.l4_verify.people.queue import Queue
from tests.stages.l4_verify.people.helpers import record, registration

SECRET = b"0" * 32
OWN = {"X-Orefine-Review": "1"}
HOSTILE = '</script><img src=x onerror="alert(1)"> {{ 7 * 7 }}'
GOLD = {"role": "gold", "rank": None, "gold": {"verdict": "fail", "defect": "number"}}
FOUND = [{"checker": "faithfulness", "evidence": {"items": [{"kind": "number", "item": "12", "where": None}]}}]


class Decide:
    def __init__(self) -> None:
        self.queue: Any = None
        self.made: dict[str, Any] | None = None

    def __call__(self) -> dict[str, Any]:
        self.made = self.queue.decide()
        return self.made

    def is_decided(self) -> bool:
        return self.made is not None


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    records = [record(0, text=HOSTILE), record(1, verdicts=FOUND), record(2, **GOLD)]
    opened = Queue(str(tmp_path / "q"), registration(2), records)
    yield opened
    opened.close()


@pytest.fixture
def decide(queue: Queue) -> Decide:
    made = Decide()
    made.queue = queue
    return made


@pytest.fixture
def app(queue: Queue, decide: Decide):
    return make_app(queue, SECRET, frozenset({"127.0.0.1"}), decide)


def client(app, reviewer: str = "") -> TestClient:
    made = TestClient(app, "http://127.0.0.1:1")
    if reviewer:
        made.headers["Authorization"] = f"Bearer {token(SECRET, reviewer)}{reviewer.encode().hex()}"
        made.headers.update(OWN)
    return made


@pytest.mark.parametrize("path", ["/", *(f"/{name}" for name in FILES), "/api/judged", "/docs", "/openapi.json"])
def test_nothing_is_served_without_a_token(app, path: str):
    answer = client(app).get(path)
    assert answer.status_code == 401
    assert "open the link" in answer.text
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


@pytest.mark.parametrize("path", ["take", "submit", "undo", "skip", "draft", "decide"])
def test_nothing_is_changed_without_a_token(app, path: str):
    assert client(app).post(f"/api/{path}", json={}, headers=OWN).status_code == 401


def test_the_link_gives_a_cookie_that_scripts_and_other_sites_do_not_get(app):
    browser = client(app)
    answer = browser.get("/", params={"reviewer": "änn", "token": token(SECRET, "änn")}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert {"HttpOnly", "SameSite=strict"} <= set(answer.headers["set-cookie"].split("; "))
    page = browser.get("/")
    assert page.status_code == 200
    assert "änn" in page.text
    assert COOKIE in browser.cookies


@pytest.mark.parametrize("given", [token(SECRET, "bob"), token(b"1" * 32, "ann"), "", "ä", "0" * 64])
def test_a_token_is_for_one_person_and_one_machine(app, given: str):
    assert client(app).get("/", params={"reviewer": "ann", "token": given}).status_code == 401


def test_headers_are_strict_and_no_script_stands_in_the_page(app):
    answer = client(app, "ann").get("/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert (answer.headers["Cache-Control"], answer.headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
    assert "<script>" not in answer.text
    assert "style=" not in answer.text
    assert "onclick" not in answer.text


def test_a_change_must_come_from_the_page_itself(app):
    browser = client(app, "ann")
    assert browser.post("/api/take", json={}, headers={"X-Orefine-Review": ""}).status_code == 403
    assert browser.post("/api/take", json={}, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert browser.post("/api/take", json={}, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


def test_other_names_bound_to_this_address_are_not_served(app):
    assert client(app, "ann").get("/", headers={"Host": "evil.example"}).status_code == 421


def test_large_bodies_are_refused_before_they_are_read(app):
    assert client(app, "ann").post("/api/draft", content=b"x" * 70_000).status_code == 413


def test_text_of_a_record_stays_text(app):
    browser = client(app, "ann")
    answer = browser.post("/api/take", json={"count": 1})
    assert answer.headers["content-type"] == "application/json"
    (shown,) = answer.json()["records"]
    assert "".join(text for text, _ in shown["text"]) == HOSTILE
    assert "innerHTML" not in browser.get("/review.js").text
    assert "img" not in browser.get("/").text


def test_a_name_in_the_page_is_escaped(app):
    assert "<b>" not in client(app, "<b>").get("/").text


def test_blind_hides_what_could_prejudge_until_the_verdict(app, queue: Queue):
    browser = client(app, "ann")
    taken = browser.post("/api/take", json={"count": 3}).json()["records"]
    assert all("gold" not in one and "role" not in one and not one["evidence"] for one in taken)
    assert all(one["meta"].keys() <= {"url"} for one in taken)
    assert browser.get("/api/judged/r1").status_code == 404
    browser.post("/api/submit", json={"item": "r1", "verdict": "fail", "defects": ["number"]})
    shown = browser.get("/api/judged/r1").json()["record"]
    assert shown["evidence"] == [
        {"checker": "faithfulness", "item": "12", "kind": "number", "state": "unsupported", "source": ""}
    ]
    assert ["12", "unsupported"] in shown["text"]
    assert shown["meta"]["model"] == "m"
    assert client(app, "bob").get("/api/judged/r1").status_code == 404


def test_open_review_shows_the_evidence_at_once(queue: Queue, decide: Decide):
    browser = client(make_app(queue, SECRET, frozenset({"127.0.0.1"}), decide, blind=False), "ann")
    taken = browser.post("/api/take", json={"count": 2}).json()["records"]
    assert taken[1]["evidence"]


def test_from_the_first_verdict_to_the_decision(app, decide: Decide):
    browser = client(app, "ann")
    assert "records of the sample are judged" in browser.post("/api/decide", json={}).json()["error"]
    for item in ("r0", "r1", "r2"):
        browser.post("/api/take", json={"count": 1})
        answer = browser.post("/api/submit", json={"item": item, "verdict": "pass"})
    assert answer.json()["progress"] == {"judged": 3, "of": 3, "yours": 3, "left_for_you": 0, "complete": True}
    assert browser.post("/api/undo", json={}).json()["item"] == "r2"
    browser.post("/api/submit", json={"item": "r2", "verdict": "fail"})
    assert browser.post("/api/decide", json={}).json()["outcome"] == "accepted"
    assert decide.made["statistics"]["gold"]["caught"] == 1
    refused = browser.post("/api/undo", json={})
    assert (refused.status_code, "decided" in refused.json()["error"]) == (409, True)


def test_what_the_queue_refuses_is_said(app):
    answer = client(app, "ann").post("/api/submit", json={"item": "r0", "verdict": "pass"})
    assert (answer.status_code, "lease" in answer.json()["error"]) == (409, True)
    assert client(app, "ann").post("/api/submit", json={"item": "r0"}).status_code == 422
