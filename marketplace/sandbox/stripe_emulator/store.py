"""The emulator's memory: one SQLite file that survives a restart."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Answer", "Delivery", "Store", "public"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS object (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
    body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS object_kind ON object (kind, seq);
CREATE TABLE IF NOT EXISTS kept_answer (
    key TEXT PRIMARY KEY, path TEXT NOT NULL, digest TEXT NOT NULL, status INTEGER NOT NULL,
    body TEXT NOT NULL, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS delivery (
    id INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL, endpoint TEXT NOT NULL,
    state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL,
    last_status INTEGER);
CREATE INDEX IF NOT EXISTS delivery_due ON delivery (state, due);
CREATE TABLE IF NOT EXISTS job (
    id INTEGER PRIMARY KEY AUTOINCREMENT, due REAL NOT NULL, kind TEXT NOT NULL,
    object TEXT NOT NULL, UNIQUE (kind, object));
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered to the first request with an idempotency key."""

    path: str
    digest: str
    status: int
    body: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one endpoint. States: waiting, held, delivered, dropped, failed."""

    id: int
    event: str
    endpoint: str
    state: str
    attempts: int
    due: float
    last_status: int | None


def public(obj: dict[str, Any]) -> dict[str, Any]:
    """The object without the fields that the emulator keeps for itself."""
    return {name: value for name, value in obj.items() if not name.startswith("_")}


class Store:
    """Objects by id, kept answers, deliveries, timed jobs and settings."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        self._db.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; the emulator serves one request at a time, so they never nest."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    # objects

    def put(self, obj: dict[str, Any]) -> dict[str, Any]:
        self._db.execute(
            "INSERT INTO object (id, kind, body) VALUES (?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET body = excluded.body",
            (obj["id"], obj["object"], json.dumps(obj)),
        )
        return obj

    def get(self, object_id: str) -> dict[str, Any] | None:
        row = self._db.execute("SELECT body FROM object WHERE id = ?", (object_id,)).fetchone()
        return None if row is None else json.loads(row[0])

    def all(self, kind: str) -> list[dict[str, Any]]:
        """Every object of a kind, newest first."""
        rows = self._db.execute("SELECT body FROM object WHERE kind = ? ORDER BY seq DESC", (kind,))
        return [json.loads(body) for (body,) in rows]

    def delete(self, object_id: str) -> None:
        self._db.execute("DELETE FROM object WHERE id = ?", (object_id,))

    # answers kept for idempotency keys

    def answer(self, key: str, *, since: float) -> Answer | None:
        row = self._db.execute(
            "SELECT path, digest, status, body FROM kept_answer WHERE key = ? AND at >= ?",
            (key, since),
        ).fetchone()
        return None if row is None else Answer(*row)

    def keep_answer(self, key: str, answer: Answer, *, at: float) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO kept_answer VALUES (?, ?, ?, ?, ?, ?)",
            (key, answer.path, answer.digest, answer.status, answer.body, at),
        )

    # deliveries

    def add_delivery(self, *, event: str, endpoint: str, state: str, due: float) -> int:
        cursor = self._db.execute(
            "INSERT INTO delivery (event, endpoint, state, due) VALUES (?, ?, ?, ?)",
            (event, endpoint, state, due),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def update_delivery(
        self, delivery_id: int, *, state: str, attempts: int, due: float, last_status: int | None
    ) -> None:
        self._db.execute(
            "UPDATE delivery SET state = ?, attempts = ?, due = ?, last_status = ? WHERE id = ?",
            (state, attempts, due, last_status, delivery_id),
        )

    def deliveries(self, *, event: str | None = None, state: str | None = None) -> list[Delivery]:
        rows = self._db.execute(
            "SELECT id, event, endpoint, state, attempts, due, last_status FROM delivery"
            " WHERE (?1 IS NULL OR event = ?1) AND (?2 IS NULL OR state = ?2) ORDER BY id",
            (event, state),
        )
        return [Delivery(*row) for row in rows]

    # timed jobs

    def add_job(self, *, due: float, kind: str, object_id: str) -> None:
        self._db.execute(
            "INSERT INTO job (due, kind, object) VALUES (?, ?, ?)"
            " ON CONFLICT (kind, object) DO UPDATE SET due = excluded.due",
            (due, kind, object_id),
        )

    def take_job(self, now: float) -> tuple[str, str] | None:
        """Remove and return the (kind, object id) that is due first, if one is."""
        row = self._db.execute(
            "DELETE FROM job WHERE id = (SELECT id FROM job WHERE due <= ? ORDER BY due, id LIMIT 1)"
            " RETURNING kind, object",
            (now,),
        ).fetchone()
        return None if row is None else (row[0], row[1])

    def take_job_of(self, objects: set[str]) -> tuple[str, str] | None:
        """Remove and return the job of these objects that will be due first, if one is."""
        marks = ",".join("?" * len(objects))
        row = self._db.execute(
            "DELETE FROM job WHERE id = (SELECT id FROM job"  # noqa: S608  question marks alone
            f" WHERE object IN ({marks}) ORDER BY due, id LIMIT 1) RETURNING kind, object",
            tuple(objects),
        ).fetchone()
        return None if row is None else (row[0], row[1])

    # settings

    def setting(self, name: str, default: Any) -> Any:
        row = self._db.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return default if row is None else json.loads(row[0])

    def set(self, name: str, value: Any) -> None:
        self._db.execute(
            "INSERT INTO setting VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, json.dumps(value)),
        )
