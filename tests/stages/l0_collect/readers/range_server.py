"""A server on loopback that answers HTTP ranges as file servers do, and misbehaves where a test says so."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

RANGE = re.compile(r"bytes=(\d+)-(\d+)")


class RangeServer:
    """Files by path, and what goes wrong with the requests that come next."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.queries: dict[str, Callable[[dict[str, str]], tuple[int, bytes]]] = {}
        """Path → (parameters → (status, answer)), for CDX."""
        self.troubles: list[str] = []
        """Taken one per request: `503`, `503 Retry-After: 2`, `cut`, `hang up`, `short range`, `whole`, `drip`, …"""
        self.always = ""
        """The trouble of every request."""
        self.asked: list[str] = []
        self.agents: set[str] = set()
        self.connections = 0
        self.url = ""


@contextmanager
def serving() -> Iterator[RangeServer]:
    told = RangeServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            told.connections += 1
            super().setup()

        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            split = urlsplit(self.path)
            told.asked.append(f"{split.path} {self.headers.get('Range', '')}".strip())
            told.agents.add(self.headers["User-Agent"])
            trouble = told.troubles.pop(0) if told.troubles else told.always
            if re.match(r"\d{3}", trouble):
                status, _, header = trouble.partition(" ")
                name, _, value = header.partition(": ")
                self.answer(int(status), b"no", {name: value} if header else {})
            elif trouble == "hang up":
                self.close_connection = True
            elif split.path in told.queries:
                parameters = {key: values[0] for key, values in parse_qs(split.query).items()}
                self.answer(*told.queries[split.path](parameters), {})
            elif split.path not in told.files:
                self.answer(404, b"not there", {})
            else:
                self.file(told.files[split.path], trouble)

        def file(self, data: bytes, trouble: str) -> None:
            wanted = RANGE.fullmatch(self.headers.get("Range", ""))
            if not wanted or trouble == "whole":
                self.answer(200, data, {})
                return
            start, stop = int(wanted[1]), min(int(wanted[2]) + 1, len(data))
            if start >= len(data):
                self.answer(416, b"", {"Content-Range": f"bytes */{len(data)}"})
                return
            if trouble == "short range":
                stop -= 1
            headers = {"Content-Range": f"bytes {start}-{stop - 1}/{len(data)}"}
            if trouble == "no content range":
                headers = {}
            if trouble == "other range":
                headers["Content-Range"] = f"bytes {start + 1}-{stop}/{len(data) + 1}"
            self.answer(206, data[start:stop], headers, trouble)

        def answer(self, status: int, body: bytes, headers: dict[str, str], trouble: str = "") -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if trouble == "too much":
                body += b"!"
            if trouble == "too much":
                self.send_header("Connection", "close")
                self.close_connection = True
            else:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if trouble == "cut":
                body = body[: len(body) // 2]
                self.close_connection = True
            if trouble == "drip":
                for one in body:
                    self.wfile.write(bytes([one]))
                    time.sleep(0.05)
                return
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that hang up are what tests are about
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
