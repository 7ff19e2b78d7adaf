"""Backup and restore by their commands, on data folders of their own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.house import ROOT, House
from tests.on_postgres import postgres

PASSPHRASE = "correct horse battery staple"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A shop with one account and one signing key, and nothing running."""
    house = House(tmp_path_factory.mktemp("shop"))
    house.environment["GEOBUK_BACKUP_PASSPHRASE"] = PASSPHRASE
    house.data.mkdir()
    house.manage("migrate", "-v0")
    house.python(
        "from django.contrib.auth import get_user_model as m;"
        "m().objects.create_user('ada@example.org');"
        "from marketplace.packaging import services; services.issuer()"
    )
    return house


@pytest.fixture
def backup(shop: House, tmp_path: Path) -> Path:
    folder = tmp_path / "backup"
    shop.manage("backup", str(folder))
    return folder


def _refused(house: House, *arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**house.environment, **environment},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode != 0, done.stdout
    assert "Traceback" not in done.stderr
    return done.stderr


def _empty(tmp_path: Path) -> House:
    house = House(tmp_path / "new")
    house.environment["GEOBUK_BACKUP_PASSPHRASE"] = PASSPHRASE
    return house


def test_a_restored_shop_has_its_accounts_and_its_keys(
    shop: House, backup: Path, tmp_path: Path
) -> None:
    fingerprint = "from marketplace.packaging import services as s; print(s.issuer().kid)"
    other = _empty(tmp_path)

    other.manage("restore", str(backup))

    assert other.python(fingerprint).split()[-1] == shop.python(fingerprint).split()[-1]
    emails = other.python(
        "from django.contrib.auth import get_user_model as m;"
        "print(list(m().objects.values_list('email', flat=True)))"
    )
    assert "ada@example.org" in emails
    assert (other.data / "keys/master.key").stat().st_mode & 0o077 == 0


def test_the_word_of_a_restored_shop_counts_for_more_than_what_it_has_forgotten(
    shop: House, tmp_path: Path
) -> None:
    # What a device heard after the backup was made, as that something is lent out, must not
    # keep it shut for ever: of two signed words the higher sequence counts.
    shop.python(
        "from tests.marketplace.trade import buy, make_person, sell; buy(make_person('b'), sell())"
    )
    shop.manage("backup", str(tmp_path / "backup"))
    other = _empty(tmp_path)

    heard = time.time_ns() // 1_000_000
    other.manage("restore", str(tmp_path / "backup"))

    told = other.python(
        "from marketplace.licensing.models import Entitlement as e; print(e.objects.get().sequence)"
    )
    assert int(told.split()[-1]) > heard


def test_a_backup_never_holds_the_master_key_in_the_clear(shop: House, backup: Path) -> None:
    key = (shop.data / "keys/master.key").read_text().strip()

    for path in backup.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert key.encode() not in data
            assert bytes.fromhex(key) not in data


def test_another_passphrase_opens_nothing(backup: Path, tmp_path: Path) -> None:
    other = _empty(tmp_path)

    told = _refused(other, "restore", str(backup), GEOBUK_BACKUP_PASSPHRASE="not the same one")

    assert "Check the passphrase" in told
    assert not (other.data / "db.sqlite3").exists()
    assert not (other.data / "keys/master.key").exists()


@pytest.mark.parametrize("name", ["database.sqlite3", "keys.box", "store.json"])
def test_a_damaged_backup_is_noticed_before_anything_is_written(
    name: str, backup: Path, tmp_path: Path
) -> None:
    data = bytearray((backup / name).read_bytes())
    data[len(data) // 2] ^= 1
    (backup / name).write_bytes(data)
    other = _empty(tmp_path)

    told = _refused(other, "restore", str(backup))

    assert name in told
    assert not (other.data / "db.sqlite3").exists()


def test_a_folder_that_is_no_backup_is_said_to_be_none(tmp_path: Path) -> None:
    folder = tmp_path / "holiday photos"
    folder.mkdir()

    assert "is not a backup" in _refused(_empty(tmp_path), "restore", str(folder))


def test_restore_overwrites_nothing(shop: House, backup: Path) -> None:
    before = (shop.data / "db.sqlite3").read_bytes()

    told = _refused(shop, "restore", str(backup))

    assert "exists already" in told
    assert (shop.data / "db.sqlite3").read_bytes() == before


def test_a_second_backup_does_not_touch_the_first(shop: House, backup: Path) -> None:
    before = (backup / "backup.json").read_bytes()

    assert "exists already" in _refused(shop, "backup", str(backup))
    assert (backup / "backup.json").read_bytes() == before


def test_a_short_passphrase_is_refused_and_leaves_nothing(shop: House, tmp_path: Path) -> None:
    told = _refused(shop, "backup", str(tmp_path / "b"), GEOBUK_BACKUP_PASSPHRASE="short")

    assert "at least 12 characters" in told
    assert list(tmp_path.iterdir()) == []


def test_check_deploy_fails_until_the_key_has_a_verified_backup(
    shop: House, tmp_path: Path
) -> None:
    record = shop.data / "keys/backup-verified.json"
    record.unlink(missing_ok=True)
    assert "geobuk.E001" in _refused(shop, "check", "--deploy")

    shop.manage("backup", str(tmp_path / "b"))
    shop.manage("check", "--deploy")

    record.write_text(json.dumps({"master_key": "0" * 32, "verified_at": "2026-01-01"}))
    assert "another master key" in _refused(shop, "check", "--deploy")
    shutil.rmtree(tmp_path / "b")


def test_postgresql_comes_back_into_an_empty_database_and_into_no_other(tmp_path: Path) -> None:
    add_user = (
        "from django.contrib.auth import get_user_model as m;"
        "m().objects.create_user('ada@example.org')"
    )
    emails = (
        "from django.contrib.auth import get_user_model as m;"
        "print(list(m().objects.values_list('email', flat=True)))"
    )
    with postgres("one", "two") as address:
        old, new, third = (House(tmp_path / name) for name in ("old", "new", "third"))
        for house, database in ((old, "one"), (new, "two"), (third, "one")):
            house.environment |= {**address, "GEOBUK_PG_NAME": database}
            house.environment["GEOBUK_BACKUP_PASSPHRASE"] = PASSPHRASE
        old.manage("migrate", "-v0")
        old.python(add_user)
        old.manage("backup", str(tmp_path / "backup"))

        new.manage("restore", str(tmp_path / "backup"))
        told = _refused(third, "restore", str(tmp_path / "backup"))

        assert "['ada@example.org']" in new.python(emails)
        assert "The database one is not empty" in told
        assert not (third.data / "keys/master.key").exists()
