"""The process that speaks with Lean's REPL for the checker `lean`, and which is killed with it where it hangs.

The protocol is that of leanprover-community/repl: a JSON object and an empty line on its input, the same on its output.
"""

from __future__ import annotations

import json
import subprocess
from functools import cache
from typing import IO, Any, cast

from pipeline.processes import serve

NAME = "orefine_claim"


def prove(data: bytes, request: dict[str, Any]) -> dict[str, Any]:
    """What Lean says of the statement with its proof left open, and of both together with the axioms they rest on."""
    repl = Repl.of(tuple(request["repl"]), request["header"])
    statement = f"theorem {NAME} {request['statement']} :="
    opened = repl.say(f"{statement} by sorry")
    closed = repl.say(f"{statement} {request['proof']}\n\n#print axioms {NAME}")
    return {"version": repl.version, "opened": opened, "closed": closed}


class Repl:
    """One process of the REPL with the header's environment."""

    def __init__(self, command: tuple[str, ...], header: str) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._environment: int | None = None
        said = self.say(f"{header}\n#eval Lean.versionString" if header else "#eval Lean.versionString")
        self._environment = said.get("env")
        infos = [one["data"].strip('"') for one in said.get("messages", ()) if one["severity"] == "info"]
        self.version = infos[-1] if infos else ""

    @staticmethod
    @cache
    def of(command: tuple[str, ...], header: str) -> Repl:
        return Repl(command, header)

    def say(self, command: str) -> dict[str, Any]:
        """The REPL's answer; each command starts from the header, so that none sees another's names."""
        asked: dict[str, Any] = {"cmd": command}
        if self._environment is not None:
            asked["env"] = self._environment
        to, back = cast(IO[str], self._process.stdin), cast(IO[str], self._process.stdout)
        to.write(json.dumps(asked) + "\n\n")
        to.flush()
        lines: list[str] = []
        for line in back:
            if line.strip():
                lines.append(line)
            elif lines:
                return dict(json.loads("".join(lines)))
        raise EOFError(f"the REPL ended with {''.join(lines)[:200]!r}")


if __name__ == "__main__":
    serve(prove, lambda: None)
