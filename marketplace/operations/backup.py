"""Backup and restore of a shop: nothing depends on one file or one machine.

A backup is a folder:

    backup.json       what this is: version, date, fingerprint of the master key, sizes and hashes
    database.sqlite3  a consistent copy, taken while the shop runs (or database.dump of pg_dump)
    keys.box          the master keys (two during a rotation), under the operator's passphrase
    media/            covers
    store.json        every sealed file that belongs to a package: name and size
    store/            the sealed files themselves, where they were asked for

The sealed files are large and public ciphertext; without them in the backup they are
copied by any tool, or fetched again from the buyers' seeders.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from marketplace.licensing import services as licensing
from marketplace.operations.errors import BackupBrokenError, TargetNotEmptyError
from marketplace.packaging import queries as packaging_queries
from marketplace.packaging import services as packaging

__all__ = [
    "covers_keys_in_use",
    "make_backup",
    "record_verified",
    "restore_backup",
    "verified_record",
    "verify_backup",
]

VERSION = 1
RECORD = "backup-verified.json"  # beside the master key: when a backup of it was last opened
CHUNK = 1024 * 1024


def make_backup(
    folder: Path,
    *,
    passphrase: str,
    now: dt.datetime,
    with_store: bool,
    say: Callable[[str], object],
) -> None:
    """Write a backup into the new folder `folder`; it appears whole or not at all."""
    if folder.exists():
        raise TargetNotEmptyError(f"{folder} exists already; name a new folder for each backup")
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True, mode=0o700)
    try:
        database = _copy_with_its_keys(part, passphrase)
        say(f"database: {database.stat().st_size:,} bytes")
        if settings.MEDIA_ROOT.exists():
            shutil.copytree(settings.MEDIA_ROOT, part / "media")
        _write_json(part / "store.json", packaging_queries.sealed_files())
        if with_store:
            say("copying the sealed files")
            _copy_store(part / "store")
        fixed = [database.name, "keys.box", "store.json"]
        _write_json(
            part / "backup.json",
            {
                "version": VERSION,
                "made_at": now.isoformat(),
                "master_key": packaging.fingerprint_of_box(
                    (part / "keys.box").read_bytes(), passphrase=passphrase
                ),
                "files": {name: _sha256(part / name) for name in fixed},
                "with_store": with_store,
            },
        )
        part.rename(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def verify_backup(folder: Path, *, passphrase: str) -> dict[str, Any]:
    """Open everything in the backup with `passphrase`, and return its description.

    Raises BackupBrokenError with the first thing that is wrong.
    """
    about = _read_about(folder)
    for name, digest in about["files"].items():
        path = folder / name
        if not path.is_file() or _sha256(path) != digest:
            raise BackupBrokenError(f"{name} is missing from the backup or was changed")
    fingerprint = packaging.fingerprint_of_box(
        (folder / "keys.box").read_bytes(), passphrase=passphrase
    )
    if _names(fingerprint) != _names(about["master_key"]):
        raise BackupBrokenError("keys.box holds another master key than backup.json says")
    database = folder / "database.sqlite3"
    if database.exists():
        _check_sqlite(database)
    return about


def restore_backup(
    folder: Path, *, passphrase: str, now: dt.datetime, say: Callable[[str], object]
) -> list[str]:
    """Bring the backup back into an empty data folder. Returns the sealed files still missing.

    The database must be empty or absent; nothing is overwritten. What the shop signs from
    now on counts for more than what it signed after the backup was made.
    """
    verify_backup(folder, passphrase=passphrase)
    _require_empty_database()
    for path in (_sqlite_path(), settings.KEY_DIR / "master.key"):
        if path is not None and path.exists():
            raise TargetNotEmptyError(
                f"{path} exists already; restore into an empty folder (GEOBUK_DATA)"
            )
    packaging.unlock_master_key((folder / "keys.box").read_bytes(), passphrase=passphrase)
    if (folder / "media").exists():
        shutil.copytree(folder / "media", settings.MEDIA_ROOT, dirs_exist_ok=True)
    if (folder / "store").exists():
        say("copying the sealed files")
        shutil.copytree(folder / "store", settings.STORE_DIR, dirs_exist_ok=True)
    # The database comes last: with it the shop is a shop again.
    _restore_database(folder)
    if "sequence" in _columns("licensing_entitlement"):  # a backup may be of an older version
        licensing.outrank(now=now)
    listed = json.loads((folder / "store.json").read_text())
    return [
        name
        for name, size in listed.items()
        if not (path := settings.STORE_DIR / name).is_file() or path.stat().st_size != size
    ]


def record_verified(about: dict[str, Any], *, now: dt.datetime) -> None:
    """Note that the backup that `about` describes was opened with its passphrase."""
    record = {"master_key": about["master_key"], "verified_at": now.isoformat()}
    _write_json(settings.KEY_DIR / RECORD, record)


def verified_record() -> dict[str, str] | None:
    """The last note of record_verified, or None."""
    try:
        record = json.loads((settings.KEY_DIR / RECORD).read_text())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def covers_keys_in_use(record: dict[str, str]) -> bool:
    """Whether the verified backup holds every master key that the shop uses now."""
    return _names(packaging.master_key_fingerprint()) <= _names(record.get("master_key", ""))


def _names(fingerprints: str) -> set[str]:
    # Backups from before rotations write 32 digits of the one key's hash, not 16.
    return {name[:16] for name in fingerprints.split(",")}


def _sqlite_path() -> Path | None:
    if connection.vendor != "sqlite":
        return None
    return Path(str(settings.DATABASES["default"]["NAME"]))


def _copy_with_its_keys(part: Path, passphrase: str) -> Path:
    """The database, and in keys.box the keys that its rows need, whatever a rotation does."""
    while True:
        box = part / "keys.box"
        box.write_bytes(packaging.lock_master_key(passphrase=passphrase))
        box.chmod(0o600)
        held = packaging.fingerprint_of_box(box.read_bytes(), passphrase=passphrase)
        database = _copy_database(part)
        # No key came or went while the copy was taken: the box opens every row of it.
        if packaging.master_key_fingerprint() == held:
            return database
        database.unlink()


def _copy_database(part: Path) -> Path:
    """SQLite's online backup, or pg_dump: consistent while others write."""
    if connection.vendor == "sqlite":
        target = part / "database.sqlite3"
        connection.ensure_connection()
        assert connection.connection is not None
        with sqlite3.connect(target) as copy:
            connection.connection.backup(copy)
        copy.close()
        _check_sqlite(target)
        return target
    target = part / "database.dump"
    _run_postgres("pg_dump", "--format=custom", f"--file={target}")
    return target


def _restore_database(folder: Path) -> None:
    if connection.vendor == "sqlite":
        target = _sqlite_path()
        assert target is not None
        connection.close()
        draft = target.with_name(f".{target.name}.part")
        shutil.copyfile(folder / "database.sqlite3", draft)
        draft.rename(target)
        return
    dump = str(folder / "database.dump")
    _run_postgres("pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", dump)


def _columns(table: str) -> set[str]:
    if table not in connection.introspection.table_names():
        return set()
    with connection.cursor() as cursor:
        return {
            column.name for column in connection.introspection.get_table_description(cursor, table)
        }


def _require_empty_database() -> None:
    """A file of SQLite is looked for by its path; a PostgreSQL database is there, and empty."""
    if connection.vendor == "sqlite":
        return
    if connection.introspection.table_names():
        name = connection.settings_dict["NAME"]
        raise TargetNotEmptyError(
            f"The database {name} is not empty; make a new one with createdb, name it in"
            " GEOBUK_PG_NAME, and restore again"
        )


def _run_postgres(program: str, *arguments: str) -> None:
    database = settings.DATABASES["default"]
    environment = {
        **os.environ,
        "PGHOST": str(database["HOST"]),
        "PGPORT": str(database["PORT"]),
        "PGUSER": str(database["USER"]),
        "PGPASSWORD": str(database["PASSWORD"]),
    }
    command = [program, f"--dbname={database['NAME']}", *arguments]
    try:
        subprocess.run(  # noqa: S603
            command, env=environment, check=True, capture_output=True, text=True
        )
    except FileNotFoundError:
        raise BackupBrokenError(
            f"{program} is not installed; it comes with the PostgreSQL client"
        ) from None
    except subprocess.CalledProcessError as error:
        raise BackupBrokenError(f"{program} failed: {error.stderr.strip()}") from error


def _check_sqlite(path: Path) -> None:
    database = sqlite3.connect(path)
    try:
        [(answer,)] = database.execute("PRAGMA integrity_check(1)").fetchall()
    except sqlite3.DatabaseError as error:
        raise BackupBrokenError(f"the copy of the database cannot be read: {error}") from error
    finally:
        database.close()
    if answer != "ok":
        raise BackupBrokenError(f"the copy of the database is damaged: {answer}")


def _copy_store(target: Path) -> None:
    """Copy what the store list names, and the piece layers beside it."""
    names = packaging_queries.sealed_files()
    for name in [*names, *{f"{name.split('/')[0]}.layers" for name in names}]:
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(settings.STORE_DIR / name, copy)


def _read_about(folder: Path) -> dict[str, Any]:
    try:
        about = json.loads((folder / "backup.json").read_text())
        version = about["version"]
        about["files"].items()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise BackupBrokenError(f"{folder} is not a backup: backup.json cannot be read") from None
    if version != VERSION:
        raise BackupBrokenError(f"this backup is of version {version}; this shop reads {VERSION}")
    assert isinstance(about, dict)
    return about


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
