"""A run of all five levels for a test that kills it, in a process forked from one that has compiled everything.

What is killed is work then, not imports: `python -m tests.killed_run FOLDER` makes a run ready, and forks one per line
of its input, which names a store.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

from flows.runs.recipe import load_recipe
from flows.runs.run import open_run, run_recipe
from pipeline.store import local, s3
from stages.l3_synthesize.engines.registry import close_engines
from tests.flows.helpers import rows

RECIPE = """
dataset: toy
l0_collect: {source: {kind: jsonl, paths: [x]}}
l1_filter:
  steps: [{kind: language, keep: [en], minimum: 0.3}, {kind: gopher_quality}, {kind: exact_duplicates, index: true}]
l2_select:
  steps:
    - {kind: threshold, column: language_score, minimum: 0.4}
    - {kind: top_fraction, column: language_score, fraction: 0.9}
l3_synthesize: {steps: [{kind: rewrite, engine: template, prompts: [rephrase, question_answer], min_words: 10}]}
l4_verify: {steps: [{kind: format}, {kind: faithfulness}]}
"""
FILES, ROWS_PER_FILE = 6, 9
ROWS = FILES * ROWS_PER_FILE


def write_inputs(folder: Path, files: int = FILES) -> None:
    """Files of which each shares some rows with the next."""
    (folder / "in").mkdir()
    (folder / "recipe.yaml").write_text(RECIPE)
    for number in range(files):
        lines = [json.dumps(row) + "\n" for row in rows(ROWS_PER_FILE, first=number * 6)]
        (folder / "in" / f"{number}.jsonl").write_text("".join(lines))


def refine(folder: Path, store: str, runner: str = "inline") -> dict[str, Any]:
    """The content id of every level, and the release."""
    recipe = load_recipe(str(folder / "recipe.yaml"), [str(folder / "in")])
    run = open_run(store, runner, None, 2, [], quiet=True)
    result = run_recipe(recipe, run)
    ids = {level.manifest.level: level.manifest.content_id for level in result.levels}
    return {**ids, "release": result.release.content_id, "version": result.release.version}


class Forks:
    """Starts runs; each is a process of its own, known by its id."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.killed_run", str(folder)],
            env={**os.environ, **environment, "TMPDIR": str(folder / "tmp")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._line() == "ready"

    def start(self, store: str, cgroup: Path | None = None) -> int:
        """The process that refines into this store; its id is taken until its end is asked for.

        `cgroup`: the control group that it joins first.
        """
        self._say(json.dumps([store, str(cgroup or "")]))
        return int(self._line())

    def ended(self) -> int:
        """Exit code of that process, once it has ended; -9 if it was killed."""
        self._say("wait")
        return os.waitstatus_to_exitcode(int(self._line()))

    def finish(self, store: str) -> tuple[dict[str, Any], float]:
        """What a run that nobody kills returns, and its seconds."""
        began = time.monotonic()
        self.start(store)
        assert self.ended() == 0
        return json.loads((self._folder / "result.json").read_text(encoding="utf-8")), time.monotonic() - began

    def close(self) -> None:
        with self._server:  # closes its input, and waits
            pass

    def _say(self, line: str) -> None:
        assert self._server.stdin is not None
        print(line, file=self._server.stdin, flush=True)

    def _line(self) -> str:
        assert self._server.stdout is not None
        return self._server.stdout.readline().strip()


def main() -> None:
    folder = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as scratch:
        refine(folder, scratch)
    close_engines()  # their threads do not come along into a fork
    local.fsync = lambda path: None  # no power is lost here, and it takes most of the time
    s3.SMALL_BYTES = 8 << 10  # some of these small files are uploaded as large ones are
    print("ready", flush=True)
    for line in sys.stdin:
        process = os.fork()
        if not process:
            try:
                store, cgroup = json.loads(line)
                if cgroup:
                    Path(cgroup, "cgroup.procs").write_text(str(os.getpid()), encoding="utf-8")
                (folder / "result.json").write_text(json.dumps(refine(folder, store)))
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        print(process, flush=True)
        sys.stdin.readline()
        print(os.waitpid(process, 0)[1], flush=True)


if __name__ == "__main__":
    main()
