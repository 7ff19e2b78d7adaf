from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from drm.errors import DrmError
from drm.keys import ContentKey, IdentityKey, SealingKey
from drm.licence import DeviceKeys
from drm.manifest import sign_manifest
from drm.rights import Rights
from seeder.cli.seat import Seat
from seeder.client import ShopClient
from seeder.config import utc_now
from seeder.errors import LicenceRefusedError, NotCompleteError, SeederError, ShopUnreachableError
from seeder.library import LibraryItem, parse_library
from seeder.playback import OpenedPackage, Opener
from tests.seeder.conftest import SONG
from tests.seeder.shop import FakePackage, FakeShop, Running
from tests.seeder.signed_words import hear

Own = Callable[[FakePackage], FakePackage]


def item_of(shop: FakeShop, package: FakePackage) -> LibraryItem:
    return parse_library({"items": [shop.item(package)]})[0]


def open_it(
    seat: Seat,
    shop: FakeShop,
    package: FakePackage,
    *,
    online: bool = True,
    action: Any = "play",
    clock: Callable[[], datetime] = utc_now,
) -> OpenedPackage:
    content = seat.store.package_folder(package.id)
    item = item_of(shop, package)
    if not online:
        opener = Opener(seat.shop, seat.folder, seat.device, None, clock=clock)
        return opener.open(item, content=content, action=action)
    with ShopClient(seat.shop, seat.folder, seat.device, sleep=lambda _: None) as client:
        opener = Opener(seat.shop, seat.folder, seat.device, client, clock=clock)
        return opener.open(item, content=content, action=action)


def refusal(*arguments: Any, **options: Any) -> tuple[str, str]:
    with pytest.raises(LicenceRefusedError) as caught:
        open_it(*arguments, **options)
    return caught.value.code, str(caught.value)


def other_device() -> DeviceKeys:
    return DeviceKeys(
        identity_public=IdentityKey.generate().public, sealing_public=SealingKey.generate().public
    )


def test_what_opens_is_what_the_seller_sealed(
    seat: Seat, shop: FakeShop, album: FakePackage, own: Own
) -> None:
    opened = open_it(seat, shop, own(album))

    assert opened.online
    assert [entry.name for entry in opened.entries] == ["01 파도.flac", "02 섬.flac", "빈 파일.txt"]
    for index, plain in enumerate(album.plain):
        with opened.open(index) as file:
            assert file.read_at(0, file.size) == plain
            assert file.read_at(min(100_000, file.size), 0) == b""


def test_a_perpetual_licence_opens_with_the_shop_dead(
    seat: Seat, shop: FakeShop, album: FakePackage, own: Own, running: Running
) -> None:
    open_it(seat, shop, own(album))
    running.stop()

    assert not open_it(seat, shop, album).online
    assert not open_it(seat, shop, album, online=False).online
    open_it(seat, shop, album, clock=lambda: datetime(2190, 1, 1, tzinfo=UTC))


def test_an_expired_certificate_kills_no_licence(
    seat: Seat, shop: FakeShop, album: FakePackage, own: Own
) -> None:
    # Given a licence of today, read in fifty years: the certificate ended in 2040.
    open_it(seat, shop, own(album))

    future = datetime(2076, 1, 1, tzinfo=UTC)
    open_it(seat, shop, album, online=False, clock=lambda: future)


def test_a_licence_issued_outside_its_certificate_is_refused(
    seat: Seat, shop: FakeShop, album: FakePackage, own: Own
) -> None:
    own(album)
    papers = seat.papers(album.id)
    papers.keep_manifest(album.manifest_jws)
    device = shop.devices[seat.device.thumbprint]
    early = datetime(2019, 1, 1, tzinfo=UTC)
    papers.keep_licence(shop.make_licence(album, device, now=early))

    code, _ = refusal(seat, shop, album, online=False)
    assert code == "bad_signature"


def test_revoked_is_refused_and_remembered(
    seat: Seat, shop: FakeShop, album: FakePackage, own: Own, running: Running
) -> None:
    open_it(seat, shop, own(album))
    shop.refund(album, "The order was refunded on 25 November.")

    expected = ("revoked", "The order was refunded on 25 November.")
    assert refusal(seat, shop, album) == expected
    assert refusal(seat, shop, album, online=False) == expected
    running.stop()
    assert refusal(seat, shop, album) == expected
    assert seat.papers(album.id).licence() is None


def test_an_open_play_closes_when_the_purchase_is_withdrawn(
    seat: Seat, shop: FakeShop, album: FakePackage, own: Own
) -> None:
    opened = open_it(seat, shop, own(album))
    shop.refund(album, "Withdrawn.")
    hear(seat, shop.word_on(album), album)

    with pytest.raises(LicenceRefusedError, match=r"Withdrawn\."):
        opened.open(0)


def test_bought_again_it_opens_again(
    seat: Seat, shop: FakeShop, album: FakePackage, own: Own
) -> None:
    open_it(seat, shop, own(album))
    shop.refund(album)
    assert refusal(seat, shop, album)[0] == "revoked"
    assert refusal(seat, shop, album)[0] == "revoked"

    album.state, album.status, album.purchase, album.sequence = "active", "active", 2, 1
    assert open_it(seat, shop, album).online
    assert not open_it(seat, shop, album, online=False).online


@pytest.mark.parametrize("online", [True, False])
def test_a_licence_copied_from_another_machine_is_refused(
    seat: Seat, shop: FakeShop, album: FakePackage, own: Own, online: bool
) -> None:
    own(album)
    papers = seat.papers(album.id)
    papers.keep_manifest(album.manifest_jws)
    foreign = shop.make_licence(album, other_device())
    papers.keep_licence(foreign)

    code, message = refusal(seat, shop, album, online=online)

    assert code == "other_device"
    assert "made for another device" in message
    assert str(papers.licence_file) in message
    assert papers.licence() == foreign


def test_another_devices_file_alone_is_named_offline_and_replaced_online(
    seat: Seat, shop: FakeShop, album: FakePackage, own: Own
) -> None:
    own(album)
    papers = seat.papers(album.id)
    papers.keep_manifest(album.manifest_jws)
    foreign = papers.folder / "licences" / "someoneelse.jws"
    foreign.parent.mkdir()
    foreign.write_text(shop.make_licence(album, other_device()))

    assert refusal(seat, shop, album, online=False)[0] == "other_device"
    assert open_it(seat, shop, album).online


def test_a_shop_that_sends_another_devices_licence_opens_nothing(
    seat: Seat, shop: FakeShop, album: FakePackage, own: Own
) -> None:
    shop.devices["other"] = other_device()
    shop.licence_for = "other"

    assert refusal(seat, shop, own(album))[0] == "other_device"


def test_a_licence_of_other_content_is_refused(
    seat: Seat, shop: FakeShop, album: FakePackage, film: FakePackage, own: Own
) -> None:
    open_it(seat, shop, own(album))
    open_it(seat, shop, own(film))
    seat.papers(album.id).licence_file.write_bytes(seat.papers(film.id).licence_file.read_bytes())

    code, message = refusal(seat, shop, album)
    assert code == "other_content"
    assert "other content" in message


def test_an_expired_licence_is_refused(
    seat: Seat, shop: FakeShop, album: FakePackage, own: Own
) -> None:
    shop.expires = utc_now() + timedelta(hours=1)
    open_it(seat, shop, own(album))

    code, message = refusal(
        seat, shop, album, online=False, clock=lambda: utc_now() + timedelta(hours=2)
    )
    assert code == "expired"
    assert "expired" in message


def test_saving_needs_its_right(
    seat: Seat, shop: FakeShop, album: FakePackage, film: FakePackage, own: Own
) -> None:
    code, message = refusal(seat, shop, own(album), action="save")
    assert (code, "not part of what you have" in message) == ("right_absent", True)

    assert open_it(seat, shop, own(film), action="save").rights == Rights(play=True, save=True)


def test_an_edited_licence_opens_nothing_offline_and_heals_online(
    seat: Seat, shop: FakeShop, album: FakePackage, own: Own
) -> None:
    open_it(seat, shop, own(album))
    papers = seat.papers(album.id)
    whole = papers.licence_file.read_text()
    head, body, signature = whole.split(".")

    for edited in (whole[:-30], f"{head}.{body[:-4]}AAAA.{signature}", "", "\x00" * 50):
        papers.licence_file.write_text(edited)
        code, message = refusal(seat, shop, album, online=False)
        assert code in {"bad_signature", "bad_format"}
        assert "not one that this shop signed" in message
    assert open_it(seat, shop, album).online
    assert not open_it(seat, shop, album, online=False).online


def test_a_licence_by_a_key_that_the_root_does_not_vouch_for(
    seat: Seat, shop: FakeShop, album: FakePackage, own: Own
) -> None:
    own(album)
    device = shop.devices[seat.device.thumbprint]
    forger = IdentityKey.generate()
    forged = shop.make_licence(album, device, issuer=forger, kid=forger.public.thumbprint)
    papers = seat.papers(album.id)
    papers.keep_manifest(album.manifest_jws)
    papers.keep_licence(forged)

    assert refusal(seat, shop, album, online=False)[0] == "bad_signature"


def test_a_manifest_that_is_not_the_packages_is_refused_before_anything_else(
    seat: Seat, shop: FakeShop, album: FakePackage, film: FakePackage, own: Own
) -> None:
    own(album)
    papers = seat.papers(album.id)
    forged = sign_manifest(album.manifest, issuer=IdentityKey.generate())

    for jws in (film.manifest_jws, forged, album.manifest_jws[:-1], b""):
        papers.keep_manifest(jws)
        assert refusal(seat, shop, album, online=False)[0] == "changed_bytes"
    assert open_it(seat, shop, album).online  # the shop's copy takes the bad one's place
    assert papers.manifest() == album.manifest_jws


def test_missing_short_and_long_files(
    seat: Seat, shop: FakeShop, album: FakePackage, own: Own
) -> None:
    own(album)
    path = seat.store.file(album.id, 0)
    whole = path.read_bytes()

    path.write_bytes(whole[:-1])
    with pytest.raises(NotCompleteError, match="geobuk sync"):
        open_it(seat, shop, album)
    path.unlink()
    with pytest.raises(NotCompleteError):
        open_it(seat, shop, album)
    path.write_bytes(whole + b"x")
    assert refusal(seat, shop, album)[0] == "changed_bytes"


@pytest.mark.parametrize("place", [0, 20, 41, 70_000, 200_000, -1])
def test_every_changed_byte_is_noticed_and_marked_for_mending(
    seat: Seat, shop: FakeShop, album: FakePackage, own: Own, place: int
) -> None:
    own(album)
    path = seat.store.file(album.id, 0)
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)

    with (
        pytest.raises(LicenceRefusedError, match="changed bytes") as caught,
        open_it(seat, shop, album).open(0) as file,
    ):
        file.read_at(0, file.size)

    assert caught.value.code == "changed_bytes"
    papers = seat.papers(album.id)
    assert not papers.complete
    assert papers.take_doubt()


def test_what_lies_before_a_changed_segment_still_reads(
    seat: Seat, shop: FakeShop, album: FakePackage, own: Own
) -> None:
    own(album)
    path = seat.store.file(album.id, 0)
    data = bytearray(path.read_bytes())
    data[3 * 65536 + 5] ^= 1
    path.write_bytes(data)

    with open_it(seat, shop, album).open(0) as file:
        good = 3 * 65520 - 40
        assert file.read_at(0, good) == SONG[:good]
        with pytest.raises(LicenceRefusedError):
            file.read_at(good, 1)


@pytest.mark.parametrize("status", ["revoked", "returned", "cancelled", "expired"])
def test_every_status_but_an_open_one_refuses(
    seat: Seat, shop: FakeShop, album: FakePackage, own: Own, status: str
) -> None:
    album.status = status

    assert refusal(seat, shop, own(album))[0] == "revoked"
    assert seat.papers(album.id).licence() is None


def test_a_stumbling_shop_does_not_lock_anyone_out(
    seat: Seat, shop: FakeShop, album: FakePackage, own: Own
) -> None:
    open_it(seat, shop, own(album))
    shop.failing = [503] * 4

    assert not open_it(seat, shop, album).online


def test_a_first_play_offline_says_what_is_missing(
    seat: Seat, shop: FakeShop, album: FakePackage, own: Own
) -> None:
    own(album)
    with pytest.raises(ShopUnreachableError):
        open_it(seat, shop, album, online=False)
    seat.papers(album.id).keep_manifest(album.manifest_jws)

    assert refusal(seat, shop, album, online=False)[0] == "no_licence"


def test_a_key_that_opens_other_content_is_changed_bytes(
    seat: Seat, shop: FakeShop, album: FakePackage, own: Own
) -> None:
    own(album)
    with pytest.raises(DrmError):
        shop.make_licence(album, other_device(), key=ContentKey.generate())


def test_every_refusal_is_a_sentence(
    seat: Seat, shop: FakeShop, album: FakePackage, own: Own
) -> None:
    with pytest.raises(SeederError) as caught:
        open_it(seat, shop, album)

    assert str(caught.value).endswith(("geobuk sync", "."))
    assert str(caught.value)[0] in "“ABCDEFGHIJKLMNOPQRSTUVWXYZ"
