from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from marketplace.distribution import services
from marketplace.distribution.access import membership_of
from seeder.torrents import read_metainfo
from tests.marketplace.accounts.seeder import FakeSeeder
from tests.marketplace.trade import buy, make_person, sell

pytestmark = pytest.mark.django_db


def test_an_operator_ends_the_addresses_of_one_buyer_for_one_package(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.CLOSED_SWARMS = False
    listing, tokens = sell(), {}
    package = str(listing.package_id)
    for name in ("ada", "eve"):
        person = make_person(name)
        buy(person, listing)
        device = FakeSeeder().log_in(person)
        torrent = services.torrent_for_device(user=person, device=device, package_id=package)
        tokens[name] = str(read_metainfo(torrent).announce).rpartition("/")[2]

    call_command("swarms", "rotate", "ada@example.org", package)

    assert "1 addresses have ended" in capsys.readouterr().out
    assert membership_of(tokens["ada"]) is None
    assert membership_of(tokens["eve"]) is not None
    with pytest.raises(CommandError, match="no announce address"):
        call_command("swarms", "rotate", "ada@example.org", package)


def test_an_unknown_person_is_a_sentence() -> None:
    with pytest.raises(CommandError, match=r"Nobody has an account under eve@example\.org"):
        call_command("swarms", "rotate", "eve@example.org", "ab" * 32)
