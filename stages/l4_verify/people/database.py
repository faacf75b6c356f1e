"""The database of a review queue: SQLite in a file, or PostgreSQL by its address, with the same tables in both.

lots (whose registration), reviews (verdicts, undone ones marked), leases (one row a record: the key keeps two people
from holding it), skips, drafts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import Engine


class Refused(UsageError):
    """The queue does not take this; says why."""


def open_database(database: str) -> Engine:
    """A file, made where it is not there, or postgresql://…; Refused for what is neither."""
    from sqlalchemy import create_engine, event
    from sqlalchemy.exc import ArgumentError

    if database.startswith(("postgresql://", "postgres://")):
        from pipeline.steps.extras import require

        require(["review-postgres"])
        return create_engine(f"postgresql+psycopg://{database.partition('://')[2]}", pool_pre_ping=True)
    if "://" in database:
        raise Refused(f"--database '{database.partition('://')[0]}://…': give a file, or postgresql://user@host/name")
    try:
        engine = create_engine(f"sqlite:///{database}", connect_args={"timeout": 30.0})
    except ArgumentError as error:
        raise Refused(f"--database '{database}': {error}") from error

    @event.listens_for(engine, "connect")
    def _durable(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # BEGIN is ours, below
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")  # what was answered is on the disk

    @event.listens_for(engine, "begin")
    def _alone(connection: Any) -> None:
        # At once the writer: what a transaction has read is then still so when it writes.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def insert(engine: Engine) -> Any:
    """Both databases have ON CONFLICT, each in its own dialect."""
    from sqlalchemy.dialects import postgresql, sqlite

    return postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert


def make_tables(engine: Engine) -> dict[str, Any]:
    """The tables by name, made where they are not there."""
    from sqlalchemy import Boolean, Column, Float, Integer, MetaData, String, Table, Text
    from sqlalchemy.exc import OperationalError

    def key(name: str) -> Any:
        return Column(name, String(200), primary_key=True)

    metadata = MetaData()
    tables = [
        Table("lots", metadata, key("lot"), Column("registration", String(64), nullable=False)),
        Table(
            "reviews", metadata, Column("number", Integer, primary_key=True, autoincrement=True),
            Column("lot", String(200), index=True, nullable=False), Column("item", String(200), nullable=False),
            Column("reviewer", String(200), nullable=False), Column("verdict", String(20), nullable=False),
            Column("defects", Text, nullable=False), Column("note", Text, nullable=False),
            Column("seconds", Float, nullable=False), Column("at", Float, nullable=False),
            Column("undone", Boolean, nullable=False),
        ),
        Table(
            "leases", metadata, key("lot"), key("item"), Column("reviewer", String(200), nullable=False),
            Column("expires", Float, nullable=False),
        ),
        Table(
            "skips", metadata, Column("number", Integer, primary_key=True), Column("lot", String(200), index=True),
            Column("item", String(200)), Column("reviewer", String(200)), Column("at", Float),
        ),
        Table("drafts", metadata, key("lot"), key("item"), key("reviewer"), Column("draft", Text, nullable=False)),
    ]  # fmt: skip
    try:
        metadata.create_all(engine)
    except OperationalError as error:
        raise Refused(f"the review database cannot be opened: {error.orig}") from error
    return {table.name: table for table in tables}
