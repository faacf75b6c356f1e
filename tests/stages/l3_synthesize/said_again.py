"""A server with OpenAI's interface that says the user's message again, in a process that a test can kill.

`python -m tests.stages.l3_synthesize.said_again PORT LOG` writes the hash of each message that arrives into LOG.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECONDS = 0.02
"""An answer takes."""


def hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def main() -> None:
    log = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send({"data": [{"id": "toy"}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            text = body["messages"][-1]["content"]
            os.write(log, f"{hashed(text)}\n".encode())
            time.sleep(SECONDS)
            usage = {"prompt_tokens": 7, "completion_tokens": 3}
            self._send({"choices": [{"message": {"content": text}, "finish_reason": "stop"}], "usage": usage})

        def _send(self, content: Any) -> None:
            data = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *arguments: Any) -> None:
            """Not among the test's output."""

    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()


if __name__ == "__main__":
    main()
