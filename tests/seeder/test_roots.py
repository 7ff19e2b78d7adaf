"""Pinned roots, keyrings and retired issuers, as the seeder meets them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import Result

from drm.encoding import b64u
from drm.keys import IdentityKey
from seeder.cli.seat import Seat, connect, open_seat, reach
from seeder.errors import RootKeyChangedError, ShopAnswerError
from seeder.proofs import LogWatch
from seeder.shops import load_shop
from seeder.stored import is_marked, mark_stored
from tests.seeder.log_shop import LogShop
from tests.seeder.shop import FakePackage, Running
from tests.seeder.test_playback import Own, open_it, refusal

Geobuk = Callable[..., Result]
IN_TEN_YEARS = datetime(2036, 11, 25, tzinfo=UTC)


@pytest.fixture
def shop() -> LogShop:
    made = LogShop()
    made.publish()
    return made


def refreshed(seat: Seat) -> Seat:
    connect(seat).close()
    return open_seat(None)


# Root and keyring ---------------------------------------------------------------


def test_the_keyring_is_kept_and_only_gets_newer(seat: Seat, shop: LogShop) -> None:
    assert load_shop(seat.folder).ring.sequence == 1
    old = shop.document
    shop.roll_over()
    seat = refreshed(seat)
    assert seat.shop.ring.sequence == 2

    shop.document = old
    with pytest.raises(ShopAnswerError, match="older list of its keys"):
        connect(seat)
    assert load_shop(seat.folder) == seat.shop

    shop.document = {}  # no keyring at all takes none away
    assert refreshed(seat).shop.ring.sequence == 2


def test_a_keyring_of_another_root_is_refused(seat: Seat, shop: LogShop) -> None:
    stranger = LogShop()
    shop.publish(keyring=stranger.keyring())

    with pytest.raises(ShopAnswerError, match="does not answer like a Geobuk shop"):
        connect(seat)


def test_a_new_root_is_followed_under_the_old_ones_signature(
    seat: Seat, shop: LogShop, album: FakePackage, own: Own
) -> None:
    open_it(seat, shop, own(album))
    shop.change_root()
    shop.change_root()

    seat = refreshed(seat)

    assert seat.shop.root_public == shop.root.public
    open_it(seat, shop, album)
    open_it(seat, shop, album, online=False, clock=lambda: IN_TEN_YEARS)


def test_a_new_root_without_a_signature_is_refused_and_what_is_here_plays(
    seat: Seat, shop: LogShop, album: FakePackage, own: Own, geobuk: Geobuk
) -> None:
    open_it(seat, shop, own(album))
    shop.change_root()
    shop.publish(root_changes=[])

    with pytest.raises(RootKeyChangedError, match="nothing was sent"):
        connect(seat)
    with reach(seat) as client:
        assert client is None
    assert load_shop(seat.folder) == seat.shop
    open_it(seat, shop, album, online=False)
    assert "root key" in geobuk("sync").stderr


def test_a_new_root_that_forgets_an_issuer_is_refused(
    seat: Seat, shop: LogShop, album: FakePackage, own: Own
) -> None:
    open_it(seat, shop, own(album))
    shop.issuer = IdentityKey.generate()
    shop.change_root()

    with pytest.raises(RootKeyChangedError):
        connect(seat)
    open_it(seat, shop, album, online=False)


def test_an_older_root_does_not_come_back(seat: Seat, shop: LogShop) -> None:
    first, document = shop.root, shop.document
    shop.change_root()
    seat = refreshed(seat)

    shop.document = {**document, "root_key": b64u(first.public.to_bytes())}
    shop.root = first
    with pytest.raises(RootKeyChangedError):
        connect(seat)


# Retired issuers ------------------------------------------------------------------


def test_what_was_bought_opens_with_the_shop_dead_the_issuer_retired_and_ten_years_on(
    seat: Seat, shop: LogShop, album: FakePackage, own: Own, running: Running
) -> None:
    open_it(seat, shop, own(album))
    shop.roll_over()
    seat = refreshed(seat)
    running.stop()

    open_it(seat, shop, album, online=False, clock=lambda: IN_TEN_YEARS)


def test_a_backdated_licence_of_a_retired_issuer_opens_nothing(
    seat: Seat, shop: LogShop, album: FakePackage, own: Own
) -> None:
    # Given a thief of the retired key, who has the content key of a copy of their own.
    own(album)
    seat.papers(album.id).keep_manifest(album.manifest_jws)
    device = shop.devices[seat.device.thumbprint]
    forged = shop.make_licence(album, device, now=datetime(2025, 1, 1, tzinfo=UTC))
    shop.roll_over()
    seat = refreshed(seat)
    seat.papers(album.id).keep_licence(forged)

    code, message = refusal(seat, shop, album, online=False)
    assert code == "retired_issuer"
    assert "Go online once" in message
    # Online the shop gives its own, by the key of today.
    assert open_it(seat, shop, album).online
    assert seat.papers(album.id).licence() != forged


def test_a_mark_fits_one_licence_of_one_device(
    seat: Seat, shop: LogShop, album: FakePackage, film: FakePackage, own: Own
) -> None:
    open_it(seat, shop, own(album))
    open_it(seat, shop, own(film))
    papers, identity = seat.papers(album.id), seat.device.identity
    jws = papers.licence()
    assert jws is not None

    assert is_marked(jws, papers, identity=identity)
    assert not is_marked(jws + "x", papers, identity=identity)
    assert not is_marked(jws, papers, identity=IdentityKey.generate())
    mark = papers.licence_file.with_suffix(".stored")
    mark.write_bytes(seat.papers(film.id).licence_file.with_suffix(".stored").read_bytes())
    assert not is_marked(jws, papers, identity=identity)


def test_a_licence_from_before_there_were_marks_is_marked_while_its_issuer_is_at_work(
    seat: Seat, shop: LogShop, album: FakePackage, own: Own
) -> None:
    open_it(seat, shop, own(album))
    seat.papers(album.id).licence_file.with_suffix(".stored").unlink()

    open_it(seat, shop, album, online=False)
    shop.roll_over()
    open_it(refreshed(seat), shop, album, online=False)


def test_a_licence_never_lies_here_without_its_mark(
    seat: Seat, shop: LogShop, album: FakePackage, own: Own
) -> None:
    # Given a disk that takes no mark: whoever is cut short there would have a licence that
    # opens nothing once the shop is dead and its issuer's time is over.
    own(album)
    papers = seat.papers(album.id)
    mark = papers.licence_file.with_suffix(".stored")
    mark.mkdir(parents=True)

    with pytest.raises(IsADirectoryError):
        open_it(seat, shop, album)

    assert papers.licence() is None


def test_the_mark_of_the_licence_before_stays_until_the_next_one_lies_here(
    seat: Seat, shop: LogShop, album: FakePackage, own: Own
) -> None:
    open_it(seat, shop, own(album))
    papers, identity = seat.papers(album.id), seat.device.identity
    jws = papers.licence() or ""

    mark_stored(jws + "x", papers, identity=identity)

    assert is_marked(jws, papers, identity=identity)
    assert is_marked(jws + "x", papers, identity=identity)
    mark_stored(jws + "y", papers, identity=identity)
    assert not is_marked(jws, papers, identity=identity)


def test_a_sync_marks_what_was_never_opened_since_there_are_marks(
    seat: Seat, shop: LogShop, album: FakePackage, own: Own, geobuk: Geobuk
) -> None:
    open_it(seat, shop, own(album))
    seat.papers(album.id).licence_file.with_suffix(".stored").unlink()

    assert geobuk("sync").exit_code == 0

    shop.roll_over()
    open_it(refreshed(seat), shop, album, online=False)


def test_a_new_licence_by_a_retired_issuer_needs_a_checkpoint_of_the_root(
    seat: Seat, shop: LogShop, album: FakePackage, own: Own
) -> None:
    own(album)
    retired = shop.issuer
    shop.roll_over()
    seat = refreshed(seat)
    # The shop goes on giving what it once made.
    device = shop.devices[seat.device.thumbprint]
    jws = shop.make_licence(album, device, issuer=retired, kid=retired.public.thumbprint)
    shop.make_licence = lambda *_arguments, **_changes: jws  # type: ignore[method-assign]

    code, message = refusal(seat, shop, album)
    assert code == "retired_issuer"
    assert "retired" in message
    shop.enter(jws)
    shop.log_signer = IdentityKey.generate()
    assert refusal(seat, shop, album)[0] == "retired_issuer"
    shop.log_signer = None
    open_it(seat, shop, album)
    seat.papers(album.id).licence_file.with_suffix(".stored").unlink()
    open_it(seat, shop, album, online=False)  # the proof was kept


def test_a_retired_issuer_takes_nothing_away(
    seat: Seat, shop: LogShop, album: FakePackage, own: Own
) -> None:
    open_it(seat, shop, own(album))
    shop.roll_over()
    seat = refreshed(seat)
    shop.refund(album, "Forged.")
    present, shop.issuer = shop.issuer, shop.former[0]

    open_it(seat, shop, album)  # no word that counts: everything stays as it was
    shop.issuer = present
    assert refusal(seat, shop, album)[0] == "revoked"


# geobuk proof ---------------------------------------------------------------------


def entered(seat: Seat, shop: LogShop, album: FakePackage, own: Own) -> None:
    open_it(seat, shop, own(album))
    for _ in range(3):
        shop.enter("another")
    shop.enter(seat.papers(album.id).licence() or "")


def test_proof_says_in_a_sentence_what_was_shown(
    seat: Seat, shop: LogShop, album: FakePackage, own: Own, geobuk: Geobuk
) -> None:
    open_it(seat, shop, own(album))
    assert "Ask again tomorrow" in geobuk("proof", "바다").stderr
    entered(seat, shop, album, own)

    first = geobuk("proof", "바다")
    assert first.exit_code == 0, first.stderr
    assert "entry 4 of 4" in first.stdout
    assert "This machine remembers it" in first.stdout
    shop.enter(seat.papers(album.id).licence() or "")
    shop.sizes = (5, 4)
    again = geobuk("proof", "바다", "--json")
    told = json.loads(again.stdout)
    assert (told["index"], told["size"], told["size_before"]) == (4, 5, 4)
    assert (told["checkpoint_size"], told["under_root"]) == (4, False)


@pytest.mark.parametrize("way", ["changed", "shortened", "gone"])
def test_a_rewritten_log_is_noticed_and_the_evidence_kept(
    seat: Seat,
    shop: LogShop,
    album: FakePackage,
    own: Own,
    geobuk: Geobuk,
    way: str,
) -> None:
    entered(seat, shop, album, own)
    assert geobuk("proof", "바다").exit_code == 0
    if way == "changed":
        shop.entries[0] = shop.entries[0].replace(b'"at":0', b'"at":9')
    else:
        del shop.entries[0]
    shop.sizes = (0, 0) if way == "gone" else (len(shop.entries), 0)

    result = geobuk("proof", "바다", "--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["code"] == "log_rewritten"
    [evidence] = seat.folder.path.glob("log-evidence-*.json")
    assert json.loads(evidence.read_text())["seen"]
    assert geobuk("proof", "바다").exit_code == 1  # it is not forgotten


def test_a_seeder_that_runs_looks_once_a_day(
    seat: Seat, shop: LogShop, album: FakePackage, own: Own
) -> None:
    entered(seat, shop, album, own)
    now = [datetime(2026, 11, 25, 12, tzinfo=UTC)]
    with connect(seat) as client:
        watch = LogWatch(client, seat.folder, clock=lambda: now[0])
        watch.look()
        shop.entries[0] = shop.entries[0].replace(b'"at":0', b'"at":9')
        shop.enter("another")
        watch.look()
        assert watch.note == ""
        now[0] += timedelta(days=1)
        watch.look()
        assert "no continuation" in watch.note


def test_a_head_that_the_root_did_not_see_is_no_checkpoint(
    seat: Seat, shop: LogShop, album: FakePackage, own: Own, geobuk: Geobuk
) -> None:
    entered(seat, shop, album, own)
    shop.log_signer = IdentityKey.generate()

    result = geobuk("proof", "바다")

    assert result.exit_code == 1
    assert "does not hold" in result.stderr
