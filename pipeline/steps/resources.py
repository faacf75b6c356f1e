"""What a step needs of the machine, for the runner that places its tasks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resources:
    """Of one task; of one process for steps that stay in theirs."""

    cpus: float = 1
    """Cores that it keeps busy; 0 if it has a node's cores to itself anyway."""
    gpus: float = 0
    """GPUs that it takes where there are any: several are a tensor-parallel group of one node."""
    memory: int = 0
    """Bytes; 0: no more than any task."""
    resident: bool = False
    """Worth a long-lived process (a language model) instead of a task per shard."""

    @property
    def place(self) -> tuple[float, bool]:
        """Steps of another place do not share a pass: filters would hold a GPU while they work."""
        return self.gpus, self.resident


def joined(resources: Iterable[Resources]) -> Resources:
    """What a pass of several steps needs: they run one after the other in one process."""
    every = [Resources(cpus=0), *resources]
    if len(every) == 1:
        return Resources()
    return Resources(
        max(one.cpus for one in every),
        max(one.gpus for one in every),
        max(one.memory for one in every),
        any(one.resident for one in every),
    )
