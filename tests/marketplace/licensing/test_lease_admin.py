"""What the admin shows of a rental: until which day, and nothing of the watching."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.formats import date_format

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


@pytest.mark.parametrize("model", ["entitlement", "licence", "auditentry"])
def test_a_list_names_titles_and_days_and_no_times(model: str) -> None:
    desk = Renter(*rent())
    desk.renew()
    desk.play()
    desk.renew()
    browser = Client()
    browser.force_login(User.objects.create_superuser("root@example.org", "pw"))

    page = browser.get(f"/admin/licensing/{model}/").content.decode()

    assert desk.entitlement.listing.title in page
    assert f"entitlement {desk.entitlement.pk}" not in page
    assert date_format(timezone.localdate(desk.entitlement.created_at)) in page
    table = page.partition("<tbody")[2]
    assert table
    assert not re.search(r"\b\d{1,2}(:\d\d)? [ap]\.m\.|\b\d{1,2}:\d\d\b", table)
