"""Refresh tokens: good once, bound to the key, and their misuse noticed."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from django.utils import timezone

from drm.keys import IdentityKey
from marketplace.accounts import services
from marketplace.accounts.errors import InvalidTokenError
from marketplace.accounts.models import User
from tests.marketplace.accounts.seeder import FakeSeeder, refusal

pytestmark = pytest.mark.django_db


def test_refreshing_gives_a_new_pair(ada: User, seeder: FakeSeeder) -> None:
    device = seeder.log_in(ada)
    old = (seeder.access_token, seeder.refresh_token)
    assert seeder.refresh().status_code == 200

    assert seeder.access_token not in old
    assert seeder.refresh_token not in old
    assert seeder.call() == (ada, device)


def test_a_used_refresh_token_ends_the_login(ada: User, seeder: FakeSeeder) -> None:
    seeder.log_in(ada)
    first = seeder.refresh_token
    seeder.refresh()
    second_access, second = seeder.access_token, seeder.refresh_token
    seeder.call()

    assert refusal(seeder.refresh(first)) == "invalid_grant"

    with pytest.raises(InvalidTokenError):
        seeder.call(token=second_access)
    assert refusal(seeder.refresh(second)) == "invalid_grant"


def test_a_lost_answer_does_not_end_the_login(ada: User, seeder: FakeSeeder) -> None:
    device = seeder.log_in(ada)
    first = seeder.refresh_token
    seeder.refresh()  # the answer is lost on its way: neither token of it is ever used
    lost_access, lost_refresh = seeder.access_token, seeder.refresh_token

    assert seeder.refresh(first).status_code == 200

    assert seeder.call() == (ada, device)
    with pytest.raises(InvalidTokenError):
        seeder.call(token=lost_access)
    assert refusal(seeder.refresh(lost_refresh)) == "invalid_grant"


def test_a_stolen_refresh_token_does_nothing_without_the_key(ada: User, seeder: FakeSeeder) -> None:
    device = seeder.log_in(ada)
    thief = IdentityKey.generate()

    assert refusal(seeder.refresh(key=thief)) == "invalid_grant"
    assert seeder.call() == (ada, device)  # nor can the thief end the login
    assert seeder.refresh().status_code == 200


def test_an_access_token_is_no_refresh_token(ada: User, seeder: FakeSeeder) -> None:
    seeder.log_in(ada)

    assert refusal(seeder.refresh(seeder.access_token)) == "invalid_grant"
    with pytest.raises(InvalidTokenError):
        seeder.call(token=seeder.refresh_token)


def test_a_refresh_token_expires(ada: User, seeder: FakeSeeder) -> None:
    seeder.log_in(ada)
    with time_machine.travel(timezone.now() + dt.timedelta(days=181)):
        assert refusal(seeder.refresh()) == "invalid_grant"


def test_a_removed_device_refreshes_nothing(ada: User, seeder: FakeSeeder) -> None:
    device = seeder.log_in(ada)
    services.remove_device(user=ada, device_id=device.pk, now=timezone.now())

    answer = seeder.refresh()
    assert refusal(answer) == "invalid_grant"
    assert b"was removed" in answer.content
