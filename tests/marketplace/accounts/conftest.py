from __future__ import annotations

from collections.abc import Iterator

import pytest
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.test import Client

from marketplace.accounts.models import User
from tests.marketplace.accounts.people import PASSWORD, log_in
from tests.marketplace.accounts.seeder import FakeSeeder


@pytest.fixture(autouse=True)
def _no_memory_of_earlier_attempts() -> Iterator[None]:
    # allauth's rate limits count in the cache.
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def ada(db: None) -> User:
    user = User.objects.create_user("ada@example.org", PASSWORD)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


@pytest.fixture
def eve(db: None) -> User:
    user = User.objects.create_user("eve@example.org", PASSWORD)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


@pytest.fixture
def browser(ada: User) -> Client:
    """Ada's browser, in which she has just logged in."""
    return log_in(ada)


@pytest.fixture
def seeder() -> FakeSeeder:
    return FakeSeeder()
