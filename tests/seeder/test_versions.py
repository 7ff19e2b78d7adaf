"""A new version comes out: it is fetched by itself, and the old one goes on opening."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from seeder.cli.seat import Seat
from tests.seeder.conftest import last_json
from tests.seeder.shop import FakePackage, FakeShop, Running
from tests.seeder.test_run import Origin, origin

__all__ = ["origin"]

pytestmark = pytest.mark.swarm
Geobuk = Callable[..., Result]


def _version(shop: FakeShop, text: bytes, *, follows: FakePackage | None = None) -> FakePackage:
    files = [("book.pdf", "application/pdf", text * 5_000)]
    return shop.add("바다의 책", files, may_save=True, follows=follows)


def _saved(geobuk: Geobuk, wanted: str, folder: Path) -> bytes:
    folder.mkdir()
    result = geobuk("save", wanted, str(folder), "--json")
    assert result.exit_code == 0, result.output
    [file] = [path for path in folder.rglob("*") if path.is_file()]
    return file.read_bytes()


def test_the_new_one_is_fetched_and_both_open(
    geobuk: Geobuk, seat: Seat, shop: FakeShop, origin: Origin, running: Running, tmp_path: Path
) -> None:
    first = origin.seed(_version(shop, b"first"))
    assert geobuk("sync").exit_code == 0
    second = origin.seed(_version(shop, b"second", follows=first))

    # Before it is fetched, what is here opens, and the program says that there is more.
    before = _saved(geobuk, "바다의 책", tmp_path / "before")
    told = geobuk("save", "바다의 책", str(tmp_path))
    synced = geobuk("sync", "--json")
    running.stop()

    assert before == first.plain[0]
    assert "Version 2 is out" in told.output
    assert set(json.loads(synced.stdout.splitlines()[-1])["packages"]) == {first.id, second.id}
    assert _saved(geobuk, "바다의 책", tmp_path / "new") == second.plain[0]
    assert _saved(geobuk, first.id[:12], tmp_path / "old") == first.plain[0]


def test_a_new_machine_fetches_the_newest_alone(
    geobuk: Geobuk, seat: Seat, shop: FakeShop, origin: Origin
) -> None:
    first = origin.seed(_version(shop, b"first"))
    second = origin.seed(_version(shop, b"second", follows=first))

    result = geobuk("sync", "--json")

    assert last_json(result)["packages"] == [second.id]
    assert not seat.here(first.id)
    listed = geobuk("library").output
    assert "version 2" in listed


def test_a_new_version_that_is_taken_back_leaves_the_old_one(
    geobuk: Geobuk, seat: Seat, shop: FakeShop, origin: Origin, tmp_path: Path
) -> None:
    first = origin.seed(_version(shop, b"first"))
    second = origin.seed(_version(shop, b"second", follows=first))
    assert geobuk("sync").exit_code == 0
    shop.refund(second)

    assert _saved(geobuk, "바다의 책", tmp_path / "old") == first.plain[0]
