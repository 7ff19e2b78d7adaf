"""What the people's pages of the admin show, and to whom they give power."""

from __future__ import annotations

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Permission
from django.test import Client

from marketplace.accounts.models import User

pytestmark = pytest.mark.django_db
SECRET = "KVKFKRCPNZQUYMLXOVYDSQKJKZDTSRLD"


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def root() -> User:
    return User.objects.create_superuser("root@example.org", "pw")


@pytest.fixture
def clerk() -> User:
    """Staff who may do everything with people, short of being a superuser."""
    user = User.objects.create_user("clerk@example.org", "pw", is_staff=True)
    of_people = Permission.objects.filter(
        content_type__app_label__in=["accounts", "account", "mfa"]
    )
    user.user_permissions.set(of_people)
    return user


def test_the_secret_of_a_second_factor_is_shown_to_nobody(root: User) -> None:
    factor = Authenticator.objects.create(user=root, type="totp", data={"secret": SECRET})
    page = f"/admin/mfa/authenticator/{factor.pk}/change/"

    shown = logged_in(root).get(page)
    changed = logged_in(root).post(page, {"user": root.pk, "data": "{}"})

    assert shown.status_code == 200
    assert SECRET not in shown.content.decode()
    assert changed.status_code == 403


def test_who_edits_people_cannot_make_themselves_superuser(clerk: User) -> None:
    page = f"/admin/accounts/user/{clerk.pk}/change/"
    wish = {"display_name": "Clerk", "is_active": "on", "is_staff": "on", "is_superuser": "on"}

    answer = logged_in(clerk).post(page, wish)

    clerk.refresh_from_db()
    assert answer.status_code == 302
    assert (clerk.display_name, clerk.is_superuser) == ("Clerk", False)


def test_who_edits_people_cannot_touch_a_superuser(clerk: User, root: User) -> None:
    factor = Authenticator.objects.create(user=root, type="totp", data={"secret": SECRET})
    client = logged_in(clerk)

    assert client.post(f"/admin/accounts/user/{root.pk}/change/", {}).status_code == 403
    assert (
        client.post(f"/admin/accounts/user/{root.pk}/delete/", {"post": "yes"}).status_code == 403
    )
    client.post(
        "/admin/accounts/user/",
        {"action": "delete_selected", "_selected_action": [str(root.pk)], "post": "yes"},
    )
    answer = client.post(f"/admin/mfa/authenticator/{factor.pk}/delete/", {"post": "yes"})

    assert answer.status_code == 403
    assert User.objects.filter(pk=root.pk, is_active=True).exists()
    assert Authenticator.objects.filter(pk=factor.pk).exists()


def test_nobody_changes_the_address_of_another(clerk: User, root: User) -> None:
    address = EmailAddress.objects.create(user=root, email=root.email, primary=True)
    client = logged_in(clerk)
    page = f"/admin/account/emailaddress/{address.pk}/change/"

    client.post(page, {"user": root.pk, "email": "thief@example.org", "primary": "on"})
    client.post(
        "/admin/account/emailaddress/",
        {"action": "make_verified", "_selected_action": [str(address.pk)]},
    )

    address.refresh_from_db()
    assert (address.email, address.verified) == ("root@example.org", False)
