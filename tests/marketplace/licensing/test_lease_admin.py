"""What the admin shows of a rental: until which day, and nothing of the watching."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.licensing.models import Entitlement
from tests.marketplace.licensing.renting import Renter, rent

pytestmark = pytest.mark.django_db


def test_staff_sees_neither_first_play_nor_plays_nor_what_tells_of_them() -> None:
    desk = Renter(*rent())
    desk.renew()
    desk.now += dt.timedelta(hours=7, minutes=7)
    desk.play()
    desk.renew()
    begun = Entitlement.objects.get()
    assert begun.first_play_at is not None
    assert begun.expires_at is not None
    browser = Client()
    browser.force_login(User.objects.create_superuser("root@example.org", "pw"))

    page = browser.get(f"/admin/licensing/entitlement/{begun.pk}/change/").content.decode()

    for told in ("first play", "plays used", ":37", "37 p.m", "37 a.m"):
        assert told not in page.lower(), told
    assert f">{timezone.localdate(begun.expires_at)}<" in page
