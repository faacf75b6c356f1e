"""The review page: one record a screen, for people whom the link they were given names.

Who comes with the link gets a cookie, and from then on the cookie says who it is: a name with its HMAC under a secret
of this machine, so that a link goes on working after the server was killed and started again, and nobody can be
another. Everything needs it, the script and the style too. Requests that change something must come from the page
itself, by a header that other sites cannot send. What records hold goes to the page as JSON and is shown as text.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader
from pydantic import BaseModel, Field

from pipeline.errors import Fault
from stages.l4_verify.people import marks
from stages.l4_verify.people.database import Refused
from stages.l4_verify.people.queue import CODES, MAXIMUM_NOTE, Queue

PAGE = Path(__file__).with_name("page")
COOKIE = "orefine_review"
PAGES_OWN = "x-orefine-review"
"""A header that a page of another site cannot send without being allowed to, which nobody is."""
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
MAXIMUM_BODY = 64 << 10
FILES = {"review.js": "text/javascript", "review.css": "text/css"}
Decide = Callable[[], dict[str, Any]]


class Judged(BaseModel):
    item: str
    verdict: str
    defects: list[str] = []
    note: Annotated[str, Field(max_length=MAXIMUM_NOTE)] = ""
    seconds: Annotated[float, Field(ge=0, le=86_400)] = 0.0


class Draft(BaseModel):
    item: str
    defects: Annotated[list[str], Field(max_length=len(CODES))] = []
    note: Annotated[str, Field(max_length=MAXIMUM_NOTE)] = ""


class Item(BaseModel):
    item: str


class Wanted(BaseModel):
    count: Annotated[int, Field(ge=1, le=3)] = 2


def token(secret: bytes, reviewer: str) -> str:
    """What the link of this person carries."""
    return hmac.new(secret, reviewer.encode(), hashlib.sha256).hexdigest()


def make_app(queue: Queue, secret: bytes, hosts: frozenset[str], decide: Decide, blind: bool = True) -> FastAPI:
    """The application. `hosts`: names by which it may be asked for, against other names bound to this address.

    decide: publishes the decision of a complete lot. blind: what checkers found, prompt and model show only afterwards.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    template = Environment(loader=FileSystemLoader(PAGE), autoescape=True).get_template("review.html")

    @app.middleware("http")
    async def _guard(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        response = _refuse(request, secret, hosts) or await go_on(request)
        response.headers.update(HEADERS)
        return response

    @app.exception_handler(Refused)
    async def _refused(request: Request, error: Refused) -> Response:
        return JSONResponse({"error": str(error)}, 409)

    @app.exception_handler(Fault)
    async def _faulty(request: Request, error: Fault) -> Response:
        return JSONResponse({"error": str(error)}, 503)

    @app.get("/")
    def page(request: Request) -> Response:
        who = request.state.reviewer
        if "token" in request.query_params:  # out of the address, which others may see
            response: Response = RedirectResponse("/", 303)
            value = f"{token(secret, who)}{who.encode().hex()}"
            response.set_cookie(COOKIE, value, httponly=True, samesite="strict", max_age=30 * 86_400)
            return response
        codes = [{"key": key, "code": code} for key, code in CODES.items()]
        html = template.render(lot=queue.lot, reviewer=who, codes=codes, blind=blind)
        return Response(html, media_type="text/html")

    @app.get("/{name}")
    def file(name: str) -> Response:
        if name not in FILES:
            return PlainTextResponse("nothing is here", 404)
        return Response((PAGE / name).read_bytes(), media_type=FILES[name])

    @app.post("/api/take")
    def take(request: Request, wanted: Wanted) -> dict[str, Any]:
        taken = queue.take(request.state.reviewer, wanted.count)
        return {"records": [_shown(one["record"], not blind, one["draft"]) for one in taken], **_state(request)}

    @app.post("/api/submit")
    def submit(request: Request, judged: Judged) -> dict[str, Any]:
        queue.submit(request.state.reviewer, **judged.model_dump())
        return _state(request)

    @app.post("/api/undo")
    def undo(request: Request) -> dict[str, Any]:
        if closed():
            raise Refused("the lot is decided, and its decision is published; nothing can be taken back")
        return {"item": queue.undo(request.state.reviewer), **_state(request)}

    @app.post("/api/skip")
    def skip(request: Request, item: Item) -> dict[str, Any]:
        queue.skip(request.state.reviewer, item.item)
        return _state(request)

    @app.post("/api/draft")
    def draft(request: Request, kept: Draft) -> dict[str, Any]:
        queue.keep_draft(request.state.reviewer, kept.item, kept.model_dump(include={"defects", "note"}))
        return {}

    @app.get("/api/judged")
    def judged_so_far(request: Request) -> dict[str, Any]:
        return {"history": queue.history(request.state.reviewer)}

    @app.get("/api/judged/{item}")
    def judged_item(request: Request, item: str) -> Response:
        """A record that this person has judged, now with what was hidden."""
        known = {one["item"]: one for one in queue.history(request.state.reviewer)}
        if item not in known:
            return JSONResponse({"error": "you have not judged this record"}, 404)
        record = next(one for one in queue.records if one["id"] == item)
        return JSONResponse({"record": _shown(record, True, known[item])})

    @app.post("/api/decide")
    def publish(request: Request) -> dict[str, Any]:
        try:
            made = decide()
        except ValueError as error:
            raise Refused(str(error)) from error
        return {name: made[name] for name in ("outcome", "inspected", "defects", "accept")}

    def closed() -> bool:
        return bool(getattr(decide, "is_decided", lambda: False)())

    def _state(request: Request) -> dict[str, Any]:
        return {"progress": queue.progress(request.state.reviewer)}

    return app


def _refuse(request: Request, secret: bytes, hosts: frozenset[str]) -> Response | None:
    """Who may not, and why; else the reviewer's name goes with the request."""
    host = request.headers.get("host", "").rsplit(":", 1)[0].strip("[]")
    if host not in hosts:
        return PlainTextResponse("this address is not served here", 421)
    who = _named(request, secret)
    if who is None:
        return PlainTextResponse("open the link that `orefine review` printed: it carries your token", 401)
    request.state.reviewer = who
    if request.method != "GET":
        if (
            request.headers.get(PAGES_OWN) != "1"
            or request.headers.get("sec-fetch-site", "same-origin") != "same-origin"
        ):
            return PlainTextResponse("this does not come from the review page", 403)
        length = request.headers.get("content-length", "")
        if not length.isdigit() or int(length) > MAXIMUM_BODY:
            return PlainTextResponse(f"a request has a body of at most {MAXIMUM_BODY} bytes", 413)
    return None


def _named(request: Request, secret: bytes) -> str | None:
    """The reviewer whom link, header or cookie prove."""
    query, cookie = request.query_params, request.cookies.get(COOKIE, "")
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
    name, given = query.get("reviewer", ""), query.get("token", "")
    if not given:
        packed = cookie or bearer
        given = packed[:64]
        try:
            name = bytes.fromhex(packed[64:]).decode()
        except ValueError:
            return None
    right = hmac.compare_digest(given.encode(), token(secret, name).encode())
    return name if right and name else None


def _shown(record: Mapping[str, Any], everything: bool, kept: dict[str, Any] | None) -> dict[str, Any]:
    """What the page gets of a record; of a blind one nothing that could prejudge, and never whether it is gold."""
    text, source = marks.differences(record["text"], record["source"])
    found = marks.evidence(record) if everything else []
    meta = {name: value for name, value in record["meta"].items() if everything or name == "url"}
    return {
        "id": record["id"], "text": marks.marked(text, found), "source": source, "evidence": found, "meta": meta,
        "kept": kept,
    }  # fmt: skip
