"""The queue: who judges which record, in a database that survives a kill and lets several people work at once.

SQLite by default, PostgreSQL by its address. Every change is one transaction, committed before the answer is given. A
record is handed out with a lease, one row of a table whose key is the record, so that the database itself keeps two
people from holding one record; a lease that is not renewed ends, and somebody else gets the record.

Nothing is deleted but leases and drafts: an undone review stays, marked.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pipeline.errors import Fault
from stages.l4_verify.people import outcome
from stages.l4_verify.people.database import Refused, insert, make_tables, open_database
from stages.l4_verify.people.outcome import VERDICTS, Review

if TYPE_CHECKING:
    from sqlalchemy import Connection

LEASE_SECONDS = 300.0
"""The page renews it while it is open; longer than any network breaks off, short enough for a colleague to wait."""
CODES = {
    "n": "number", "m": "name", "d": "date", "g": "negation", "c": "unsupported", "x": "contradiction",
    "o": "omission", "l": "language", "f": "form", "h": "harm", "w": "other",
}  # fmt: skip
"""Letter → defect code."""
MAXIMUM_NOTE = 2_000


class Queue:
    """The records of one lot and what people said of them."""

    def __init__(
        self, database: str, registration: Mapping[str, Any], records: Sequence[Mapping[str, Any]],
        now: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        """`database`: a file, or postgresql://…; made where it is not there."""
        self.registration, self.records = registration, list(records)
        self.lot = str(registration["lot"])
        self._record = {one["id"]: one for one in self.records}
        self._now = now
        self._engine = open_database(database)
        self._tables = make_tables(self._engine)
        self._register()

    def close(self) -> None:
        self._engine.dispose()

    # What a reviewer does

    def take(self, reviewer: str, count: int = 1) -> list[dict[str, Any]]:
        """The next records for this person, leased: those they hold already first. Fewer where there are none."""
        _check_name(reviewer)
        with self._begin() as connection:
            held = self._held(connection, reviewer)
            found = held[:count]
            for one in self._open_for(connection, reviewer, exclude=set(held)):
                if len(found) >= count:
                    break
                # Asked again under the lease: somebody may have judged the record between the list and the lease.
                if self._lease(connection, one["id"], reviewer) and self._needs(connection, one, reviewer):
                    found.append(one["id"])
            for item in found:
                self._lease(connection, item, reviewer)
            drafts = self._drafts(connection, reviewer, found)
        return [{"record": self._record[item], "draft": drafts.get(item)} for item in found]

    def submit(
        self, reviewer: str, item: str, verdict: str, defects: Sequence[str] = (), note: str = "", seconds: float = 0.0
    ) -> None:
        """Take a verdict; a second one by the same person replaces their first. Refused without a lease."""
        _check_name(reviewer)
        record = self._known(item)
        if verdict not in VERDICTS:
            raise Refused(f"verdict '{verdict}': give one of {', '.join(VERDICTS)}")
        if strange := [code for code in defects if code not in CODES.values()]:
            raise Refused(f"defect '{strange[0]}' is not known; there are {', '.join(CODES.values())}")
        if len(note) > MAXIMUM_NOTE:
            raise Refused(f"the note has {len(note):,} characters, and {MAXIMUM_NOTE:,} fit")
        table = self._tables["reviews"]
        with self._begin() as connection:
            mine = self._mine(connection, reviewer, item)
            if not mine:
                if not self._holds(connection, item, reviewer):
                    raise Refused(
                        "your lease of this record has ended and somebody else may have it; take the next one"
                    )
                given = outcome.by_item(self._reviews(connection)).get(item, [])
                if len(given) >= outcome.wanted(record, given):
                    raise Refused("this record has been judged meanwhile; take the next one")
            for number in mine:
                connection.execute(table.update().where(table.c.number == number).values(undone=True))
            connection.execute(
                table.insert().values(
                    lot=self.lot, item=item, reviewer=reviewer, verdict=verdict, defects=json.dumps(list(defects)),
                    note=note, seconds=float(seconds), at=self._now(), undone=False,
                )
            )  # fmt: skip
            self._forget(connection, item, reviewer)

    def undo(self, reviewer: str) -> str | None:
        """Take back this person's latest verdict, and give them the record again; None where there is none left."""
        table = self._tables["reviews"]
        with self._begin() as connection:
            last = connection.execute(
                table.select().where(table.c.lot == self.lot, table.c.reviewer == reviewer, table.c.undone.is_(False))
                .order_by(table.c.number.desc()).limit(1)
            ).mappings().first()  # fmt: skip
            if last is None:
                return None
            connection.execute(table.update().where(table.c.number == last["number"]).values(undone=True))
            item = str(last["item"])
            self._lease(connection, item, reviewer)
            draft = {"defects": json.loads(last["defects"]), "note": last["note"]}
            self._put_draft(connection, reviewer, item, draft)
            return item

    def skip(self, reviewer: str, item: str) -> None:
        """Give the record back; this person gets it again only after all others."""
        self._known(item)
        table = self._tables["skips"]
        with self._begin() as connection:
            connection.execute(table.insert().values(lot=self.lot, item=item, reviewer=reviewer, at=self._now()))
            self._forget(connection, item, reviewer)

    def keep_draft(self, reviewer: str, item: str, draft: Mapping[str, Any]) -> None:
        """Autosave of what is not submitted; it also renews the lease."""
        self._known(item)
        with self._begin() as connection:
            if not self._holds(connection, item, reviewer) or not self._lease(connection, item, reviewer):
                raise Refused("your lease of this record has ended; take the next one")
            self._put_draft(connection, reviewer, item, draft)

    def release(self, reviewer: str) -> None:
        """Give back all that a person holds."""
        table = self._tables["leases"]
        with self._begin() as connection:
            connection.execute(table.delete().where(table.c.lot == self.lot, table.c.reviewer == reviewer))

    # What is asked of it

    def history(self, reviewer: str) -> list[dict[str, Any]]:
        """What this person has judged, oldest first."""
        with self._begin() as connection:
            mine = [one for one in self._reviews(connection) if one.reviewer == reviewer]
        return [
            {"item": one.item, "verdict": one.verdict, "defects": list(one.defects), "note": one.note} for one in mine
        ]

    def reviews(self) -> list[Review]:
        """All that counts, oldest first."""
        with self._begin() as connection:
            return self._reviews(connection)

    def progress(self, reviewer: str = "") -> dict[str, Any]:
        """How far the lot is, without what would tell reviewers how it is going to end."""
        with self._begin() as connection:
            reviews = self._reviews(connection)
            given = outcome.by_item(reviews)
            asked = outcome.served(self.registration, self.records, reviews)
            closed = sum(outcome.verdict_of(one, given.get(one["id"], ())) is not None for one in asked)
            own = sum(one.reviewer == reviewer for one in reviews)
            left = len(list(self._open_for(connection, reviewer)))
        return {
            "judged": closed, "of": len(asked), "yours": own, "left_for_you": left,
            "complete": outcome.is_complete(self.registration, self.records, reviews),
        }  # fmt: skip

    def decide(self) -> dict[str, Any]:
        """The lot's decision; ValueError as long as records are to be judged."""
        return outcome.decide(self.registration, self.records, self.reviews())

    def bring(self, reviews: Sequence[Review]) -> int:
        """Take reviews that were made elsewhere; how many were new. One per record and person counts, the latest."""
        added = 0
        table = self._tables["reviews"]
        with self._begin() as connection:
            known = {(one.item, one.reviewer): one for one in self._reviews(connection)}
            for one in reviews:
                self._known(one.item)
                _check_name(one.reviewer)
                if one.verdict not in VERDICTS:
                    raise Refused(f"verdict '{one.verdict}' of record {one.item}: give one of {', '.join(VERDICTS)}")
                before = known.get((one.item, one.reviewer))
                if before is not None and (before.verdict, before.defects) == (one.verdict, one.defects):
                    continue
                for number in self._mine(connection, one.reviewer, one.item):
                    connection.execute(table.update().where(table.c.number == number).values(undone=True))
                connection.execute(
                    table.insert().values(
                        lot=self.lot, item=one.item, reviewer=one.reviewer, verdict=one.verdict,
                        defects=json.dumps(list(one.defects)), note=one.note, seconds=one.seconds, at=self._now(),
                        undone=False,
                    )
                )  # fmt: skip
                added += 1
        return added

    # Inside a transaction

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        from sqlalchemy.exc import OperationalError

        try:
            with self._engine.begin() as connection:
                yield connection
        except OperationalError as error:  # the disk, the server, a lock held for longer than the patience
            raise Fault(
                f"the review database cannot be used: {error.orig}; mend it and go on, nothing is lost"
            ) from error

    def _register(self) -> None:
        """One database holds one registration of a lot: reviews of other records must not get among these."""
        table = self._tables["lots"]
        with self._begin() as connection:
            statement = insert(self._engine)(table).values(lot=self.lot, registration=self.registration["registration"])
            connection.execute(statement.on_conflict_do_nothing())
            known = connection.execute(table.select().where(table.c.lot == self.lot)).mappings().one()["registration"]
        if known != self.registration["registration"]:
            raise Refused(
                f"the database holds lot {self.lot} under registration {known[:16]}, and this one is "
                f"{self.registration['registration'][:16]}; give another --database"
            )

    def _known(self, item: str) -> Mapping[str, Any]:
        if item not in self._record:
            raise Refused(f"record '{item[:80]}' is not in lot {self.lot}")
        return self._record[item]

    def _reviews(self, connection: Connection) -> list[Review]:
        table = self._tables["reviews"]
        rows = connection.execute(
            table.select().where(table.c.lot == self.lot, table.c.undone.is_(False)).order_by(table.c.number)
        ).mappings()
        return [
            Review(row["item"], row["reviewer"], row["verdict"], tuple(json.loads(row["defects"])), row["note"],
                   row["seconds"])
            for row in rows if row["item"] in self._record
        ]  # fmt: skip

    def _mine(self, connection: Connection, reviewer: str, item: str) -> list[int]:
        table = self._tables["reviews"]
        return [
            int(number)
            for (number,) in connection.execute(
                table.select().with_only_columns(table.c.number).where(
                    table.c.lot == self.lot, table.c.item == item, table.c.reviewer == reviewer,
                    table.c.undone.is_(False),
                )
            )
        ]  # fmt: skip

    def _open_for(
        self, connection: Connection, reviewer: str, exclude: set[str] | None = None
    ) -> Iterator[Mapping[str, Any]]:
        """Records that need one more verdict, which this person can give, and that nobody else holds; skipped last."""
        reviews = self._reviews(connection)
        given = outcome.by_item(reviews)
        leases, skips = self._tables["leases"], self._tables["skips"]
        others = {
            row["item"]
            for row in connection.execute(leases.select().where(leases.c.lot == self.lot)).mappings()
            if row["reviewer"] != reviewer and row["expires"] > self._now()
        }
        skipped: dict[str, float] = {}
        for row in connection.execute(
            skips.select().where(skips.c.lot == self.lot, skips.c.reviewer == reviewer)
        ).mappings():
            skipped[row["item"]] = max(row["at"], skipped.get(row["item"], 0.0))
        asked = outcome.served(self.registration, self.records, reviews)
        for one in sorted(asked, key=lambda one: (skipped.get(one["id"], 0.0), one["position"])):
            if one["id"] in others or one["id"] in (exclude or ()):
                continue
            if _is_open(one, given.get(one["id"], []), reviewer):
                yield one

    def _needs(self, connection: Connection, record: Mapping[str, Any], reviewer: str) -> bool:
        return _is_open(record, outcome.by_item(self._reviews(connection)).get(record["id"], []), reviewer)

    def _held(self, connection: Connection, reviewer: str) -> list[str]:
        """What this person holds and may still judge, in the order of the records."""
        table = self._tables["leases"]
        rows = connection.execute(
            table.select().where(table.c.lot == self.lot, table.c.reviewer == reviewer)
        ).mappings()
        held = {row["item"] for row in rows if row["expires"] > self._now()}
        return [one["id"] for one in self._open_for(connection, reviewer) if one["id"] in held]

    def _holds(self, connection: Connection, item: str, reviewer: str) -> bool:
        """Also after its end, as long as nobody else has taken it."""
        table = self._tables["leases"]
        row = connection.execute(table.select().where(table.c.lot == self.lot, table.c.item == item)).mappings().first()
        return row is not None and row["reviewer"] == reviewer

    def _lease(self, connection: Connection, item: str, reviewer: str) -> bool:
        """Get or renew the lease of a record; False if somebody else holds it. One statement: the database decides."""
        table = self._tables["leases"]
        now = self._now()
        statement = insert(self._engine)(table).values(
            lot=self.lot, item=item, reviewer=reviewer, expires=now + LEASE_SECONDS
        )
        done = connection.execute(
            statement.on_conflict_do_update(
                index_elements=["lot", "item"],
                set_={"reviewer": reviewer, "expires": now + LEASE_SECONDS},
                where=(table.c.reviewer == reviewer) | (table.c.expires <= now),
            ).returning(table.c.item)
        )
        return done.first() is not None

    def _forget(self, connection: Connection, item: str, reviewer: str) -> None:
        for name in ("leases", "drafts"):
            table = self._tables[name]
            connection.execute(
                table.delete().where(table.c.lot == self.lot, table.c.item == item, table.c.reviewer == reviewer)
            )

    def _put_draft(self, connection: Connection, reviewer: str, item: str, draft: Mapping[str, Any]) -> None:
        table = self._tables["drafts"]
        values = {"draft": json.dumps(dict(draft))[:10_000]}
        statement = insert(self._engine)(table).values(lot=self.lot, item=item, reviewer=reviewer, **values)
        connection.execute(statement.on_conflict_do_update(index_elements=["lot", "item", "reviewer"], set_=values))

    def _drafts(self, connection: Connection, reviewer: str, items: Sequence[str]) -> dict[str, Any]:
        table = self._tables["drafts"]
        rows = connection.execute(
            table.select().where(table.c.lot == self.lot, table.c.reviewer == reviewer)
        ).mappings()
        return {row["item"]: json.loads(row["draft"]) for row in rows if row["item"] in items}


def _is_open(record: Mapping[str, Any], given: Sequence[Review], reviewer: str) -> bool:
    """Whether the record needs one more verdict, and one that this person has not given yet."""
    return len(given) < outcome.wanted(record, given) and all(one.reviewer != reviewer for one in given)


def _check_name(reviewer: str) -> None:
    if not 1 <= len(reviewer) <= 60 or not reviewer.isprintable() or reviewer != reviewer.strip():
        raise Refused(f"reviewer '{reviewer[:80]}': give a name of 1 to 60 printable characters")
