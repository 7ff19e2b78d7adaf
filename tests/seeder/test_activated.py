"""An activation on a device whose shop still answers: all goes on, until the shop is gone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse
from typer.testing import Result

from drm.unlock import ActivationSecret
from seeder.cli.seat import Seat
from seeder.config import read_json
from tests.seeder.conftest import SONG, last_json
from tests.seeder.ending import EndingShop
from tests.seeder.shop import FakePackage, Running
from tests.seeder.test_commands import program
from tests.seeder.test_run import Origin, origin, states, wait_for

__all__ = ["origin"]  # the fixture

pytestmark = pytest.mark.swarm
Geobuk = Callable[..., Result]
SHORT = "import seeder.cli.running as r; r.SILENCE, r.ASK_SHOP = 5.0, 1.0"


@pytest.fixture
def shop() -> EndingShop:
    return EndingShop()


@pytest.fixture
def activated_film(
    geobuk: Geobuk, seat: Seat, shop: EndingShop, film: FakePackage, origin: Origin, tmp_path: Path
) -> FakePackage:
    """Bought and fetched before the activation, which is here now; the shop still answers."""
    origin.seed(film)
    assert last_json(geobuk("sync", "--json"))["packages"] == [film.id]
    activation = shop.activation(tmp_path / "activation.json")
    assert last_json(geobuk("activate", str(activation), "--json"))["packages"] == [film.id]
    return film


def test_sync_and_library_go_on_with_a_shop_that_answers(
    geobuk: Geobuk,
    seat: Seat,
    shop: EndingShop,
    running: Running,
    activated_film: FakePackage,
    origin: Origin,
) -> None:
    song = origin.seed(shop.add("Song", [("song.flac", "audio/flac", SONG)]))

    library = last_json(geobuk("library", "--json"))
    synced = last_json(geobuk("sync", "--json"))

    assert library["offline"] is False
    assert [item["title"] for item in library["items"]] == ["Night Film", "Song"]
    assert (synced["offline"], synced["packages"]) == (False, [activated_film.id, song.id])
    assert seat.papers(song.id).licence() is not None
    # The newer unlock document covers it, so that it opens when the shop is gone too.
    running.stop()
    alone = last_json(geobuk("sync", "--json"))
    assert (alone["offline"], alone["packages"]) == (True, [activated_film.id, song.id])
    assert last_json(geobuk("library", "--json"))["offline"] is True


def test_what_is_opened_is_asked_of_a_shop_that_answers(
    geobuk: Geobuk,
    shop: EndingShop,
    running: Running,
    activated_film: FakePackage,
    tmp_path: Path,
) -> None:
    asked = f"GET /api/v1/licences/{activated_film.licence_id}/status"
    shop.calls.clear()

    assert geobuk("save", "night", str(tmp_path / "with.mp4")).exit_code == 0
    assert asked in shop.calls
    running.stop()
    assert geobuk("save", "night", str(tmp_path / "without.mp4")).exit_code == 0

    assert (tmp_path / "without.mp4").read_bytes() == activated_film.plain[0]


def test_a_refund_after_the_activation_counts_with_the_shop_and_without(
    geobuk: Geobuk,
    seat: Seat,
    shop: EndingShop,
    running: Running,
    activated_film: FakePackage,
    tmp_path: Path,
) -> None:
    document = (seat.folder.path / "unlock" / "device.jws").read_bytes()
    activated_film.state = activated_film.status = "revoked"
    activated_film.sequence = 2

    assert last_json(geobuk("sync", "--json"))["packages"] == []
    running.stop()
    # Even an unlock document from before the refund opens and shares nothing of it.
    (seat.folder.path / "unlock" / "device.jws").write_bytes(document)
    refused = last_json(geobuk("save", "night", str(tmp_path / "film.mp4"), "--json"))

    assert refused["error"]["code"] == "revoked"
    assert last_json(geobuk("sync", "--json"))["packages"] == []


def test_documents_under_another_secret_shut_nothing_that_is_open(
    geobuk: Geobuk,
    shop: EndingShop,
    running: Running,
    activated_film: FakePackage,
    origin: Origin,
    tmp_path: Path,
) -> None:
    shop.secret = ActivationSecret.generate()
    origin.seed(shop.add("Song", [("song.flac", "audio/flac", SONG)]))

    assert geobuk("sync", "--json").exit_code == 0
    running.stop()

    assert geobuk("save", "night", str(tmp_path / "film.mp4")).exit_code == 0
    # Without the licence, too: by the document that the activation opens.
    assert last_json(geobuk("sync", "--json"))["packages"] == [activated_film.id]


def test_who_answers_in_a_dead_shops_place_keeps_nothing_shut(
    geobuk: Geobuk, shop: EndingShop, activated_film: FakePackage, tmp_path: Path
) -> None:
    gone = {"code": "device_removed", "message": "Gone."}
    for status in (401, 404, 500):
        shop.squatter = lambda _request, status=status: JSONResponse(gone, status)

        synced = last_json(geobuk("sync", "--json"))
        saved = geobuk("save", "night", str(tmp_path / f"{status}.mp4"))

        assert (synced["offline"], synced["packages"]) == (True, [activated_film.id])
        assert saved.exit_code == 0


def test_run_follows_the_shop_while_it_answers_and_shares_openly_while_it_does_not(
    seat: Seat,
    shop: EndingShop,
    running: Running,
    activated_film: FakePackage,
    origin: Origin,
) -> None:
    def head() -> dict[str, Any]:
        return read_json(seat.home.state_file) or {"online": None, "note": ""}

    with program("run", "--json", first=SHORT) as process:
        wait_for(lambda: shop.sockets)
        song = origin.seed(shop.add("Song", [("song.flac", "audio/flac", SONG)]))
        running.tell("library.changed")
        both = {"Night Film": "seeding", "Song": "seeding"}
        wait_for(lambda: states(seat) == both)
        assert seat.papers(song.id).licence() is not None

        port = running.port
        running.stop()
        wait_for(lambda: "shared openly" in head()["note"], seconds=60)
        wait_for(lambda: states(seat) == both)

        again = Running(shop, port)
        try:
            wait_for(lambda: head()["online"], seconds=60)
            wait_for(lambda: states(seat) == both)
            process.terminate()
            _out, err = process.communicate(timeout=20)
        finally:
            again.stop()

    assert (process.returncode, err) == (0, "")
