"""A lot that people judge: what was registered, what was drawn, and what they decided, each written once.

    reviews/<lot>/plan.json       registered before anything is drawn
    reviews/<lot>/items.jsonl     what was drawn
    reviews/<lot>/decision.json   what people decided; its presence means that the lot is decided

A lot is named by its rows, so that the same rows cannot be drawn again under another plan or seed until they pass.
"""

from __future__ import annotations

import json
from typing import Any

from pipeline.errors import UsageError, WaitsForPeople
from pipeline.store.store import Store

FOLDER = "reviews"


class PlanTaken(UsageError):
    """The lot has been registered with another plan."""


class Review:
    """One lot in a store."""

    def __init__(self, store: Store, lot: str) -> None:
        self.lot, self._store = lot, store
        self.folder = f"{FOLDER}/{lot}"
        self.plan, self.items, self.decision = (
            f"{self.folder}/{name}" for name in ("plan.json", "items.jsonl", "decision.json")
        )

    def register(self, plan: bytes) -> None:
        if not self._store.create(self.plan, plan) and self._store.read(self.plan) != plan:
            raise PlanTaken(
                f"lot {self.lot}: these rows have been registered with another plan or seed ({self.plan}), and a lot "
                "is drawn once: go back to that plan in the recipe, or change the rows (rework them, or run the level "
                "before with other settings)"
            )

    def ask(self, records: bytes) -> bytes:
        """The decision; WaitsForPeople, with the records laid out for them, as long as there is none."""
        self._store.create(self.items, records)
        if not self._store.exists(self.decision):
            raise WaitsForPeople(
                self.lot,
                f"lot {self.lot} waits for people: {len(self.records())} records to judge with "
                f"`orefine review {self.lot}`",
            )
        return self._store.read(self.decision)

    def registered(self) -> dict[str, Any]:
        plan: dict[str, Any] = json.loads(self._store.read(self.plan))
        return plan

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._store.read(self.items).splitlines()]

    def is_decided(self) -> bool:
        return self._store.exists(self.decision)

    def decided(self) -> dict[str, Any]:
        decision: dict[str, Any] = json.loads(self._store.read(self.decision))
        return decision

    def decide(self, decision: bytes) -> bool:
        """Of two decisions the first one counts; False for the second."""
        return self._store.create(self.decision, decision)


def lots(store: Store) -> list[str]:
    """All lots of a store whose records are drawn, sorted."""
    return [path.split("/")[1] for path in store.list(FOLDER) if path.endswith("/items.jsonl")]
