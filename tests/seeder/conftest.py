from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from seeder.cli import app
from seeder.cli.seat import Seat, open_seat
from seeder.config import Home
from seeder.login import log_in
from tests.seeder.lease_desk import rental
from tests.seeder.shop import FakePackage, FakeShop, Running, run_shop

SONG = bytes(range(256)) * 1200  # 4.7 segments


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test here cuts the power; on a busy disk each fsync takes longer than a test."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)


@pytest.fixture
def shop() -> FakeShop:
    return FakeShop()


@pytest.fixture
def running(shop: FakeShop) -> Iterator[Running]:
    with run_shop(shop) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("GEOBUK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GEOBUK_KEYS", "file")  # never the key store of whoever runs the tests
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "160")
    return Home(tmp_path / "home")


@pytest.fixture
def album(shop: FakeShop) -> FakePackage:
    return shop.add(
        "바다의 노래",
        [
            ("01 파도.flac", "audio/flac", SONG),
            ("02 섬.flac", "audio/flac", SONG[::-1]),
            ("빈 파일.txt", "text/plain", b""),
        ],
    )


@pytest.fixture
def film(shop: FakeShop) -> FakePackage:
    return shop.add("Night Film", [("film.mp4", "video/mp4", SONG * 3)], may_save=True)


@pytest.fixture
def seat(home: Home, running: Running, shop: FakeShop) -> Seat:
    """A device that is logged in."""
    log_in(home, shop.site, name="laptop", show=lambda _: None, sleep=lambda _: None)
    return open_seat(None)


@pytest.fixture
def own(seat: Seat) -> Callable[[FakePackage], FakePackage]:
    """Put a package on the disk as a finished download leaves it."""

    def put(package: FakePackage) -> FakePackage:
        package.write(seat.store.package_folder(package.id))
        seat.papers(package.id).mark_complete()
        return package

    return put


@pytest.fixture
def rent(
    film: FakePackage, own: Callable[[FakePackage], FakePackage]
) -> Callable[..., FakePackage]:
    """Rent the film, all of which is on the disk; the arguments are those of `rental`."""

    def make(**rights: Any) -> FakePackage:
        film.rights, film.kind, film.may_save = rental(**rights), "rental", False
        return own(film)

    return make


@pytest.fixture
def geobuk(home: Home) -> Callable[..., Result]:
    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments))

    return run


def last_json(result: Result) -> dict[str, Any]:
    value = json.loads(result.stdout.strip().splitlines()[-1])
    assert isinstance(value, dict)
    return value
