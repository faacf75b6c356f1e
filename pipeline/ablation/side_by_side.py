"""The runs of an ablation side by side, each on its own cores, in processes that end with this one.

A proxy model of a toy budget does not gain from a second thread (26,000 tokens a second with one or two), so two cores
make two runs at once. On a GPU runs stay in this process: one run fills it.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing.connection import wait as wait_for
from queue import Empty
from typing import Any

from pipeline.ablation.data import Arm
from pipeline.ablation.runs import Runs
from pipeline.errors import Fault
from pipeline.processes import cores

WORTHWHILE = 2_000_000  # tokens to train on in all: below, starting processes (5 s, torch) costs more than it saves
POLL_SECONDS = 0.2

_here: dict[str, Any] = {}
"""Of a worker: the trainer that it got at its start."""


def run_all(trainer: Runs, wanted: Mapping[str, tuple[Arm, Sequence[int]]]) -> dict[str, list[dict[str, Any]]]:
    """The records of each arm, one for each seed; what is not there is made."""
    missing = [
        (name, arm, seed)
        for name, (arm, seeds) in wanted.items()
        for seed in seeds
        if not trainer.is_done(name, arm, seed)
    ]
    workers = min(len(missing), cores() // trainer.budget.cpu_threads)
    if workers > 1 and len(missing) * trainer.budget.tokens >= WORTHWHILE and trainer.setting["device"] == "cpu":
        for name, (arm, _) in wanted.items():
            trainer.tokens(name, arm)  # once, before several ask for it
        _make(trainer, missing, workers)
    return {name: trainer.of(name, arm, seeds) for name, (arm, seeds) in wanted.items()}


def _make(trainer: Runs, missing: Sequence[tuple[str, Arm, int]], workers: int) -> None:
    context = multiprocessing.get_context("spawn")  # a fork would share torch's threads
    said = context.Queue()
    silent = replace(trainer, progress=print)  # replaced in the worker; the one here need not pickle
    with ProcessPoolExecutor(workers, context, _begin, (silent, said)) as pool:
        waiting = {pool.submit(_run, *one) for one in missing}
        try:
            while waiting:
                done, waiting = wait(waiting, POLL_SECONDS, FIRST_COMPLETED)
                _tell(trainer, said)
                for one in done:
                    one.result()
        except BrokenProcessPool as error:
            raise Fault(
                "a process that trained proxy models was killed; the same command goes on from there"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)
    _tell(trainer, said)


def _tell(trainer: Runs, said: Any) -> None:
    while True:
        try:
            trainer.progress(said.get_nowait())
        except Empty:
            return


def _begin(trainer: Runs, said: Any) -> None:
    _here["trainer"] = replace(trainer, progress=said.put)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=lambda: (wait_for([parent.sentinel]), os._exit(1)), daemon=True).start()


def _run(name: str, arm: Arm, seed: int) -> None:
    _here["trainer"].of(name, arm, [seed])
