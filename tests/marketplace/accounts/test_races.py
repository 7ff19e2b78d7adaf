"""Rivals on threads of their own: on SQLite's one write lock here, on PostgreSQL by marker."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from marketplace.accounts import services
from marketplace.accounts.errors import CodeUsedError, InvalidProofError, OAuthError
from marketplace.accounts.models import Device, DeviceGrant, DeviceLogin, DeviceToken, User
from tests.marketplace.accounts.seeder import FakeSeeder

# Under the marker the same tests are run against PostgreSQL.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]

RIVALS = 8


def at_once(task: Callable[[int], Any]) -> list[Any]:
    """Run `task` on RIVALS threads that start together; what each returned or raised."""
    gate = threading.Barrier(RIVALS)

    def run(number: int) -> Any:
        gate.wait(10)
        try:
            return task(number)
        except (OAuthError, CodeUsedError, InvalidProofError) as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(RIVALS) as pool:
        return list(pool.map(run, range(RIVALS)))


def approved(seeder: FakeSeeder, user: User) -> None:
    code = seeder.begin()["user_code"]
    grant = services.find_grant(user_code=code, now=timezone.now())
    services.decide_device_login(grant_id=grant.pk, user=user, approve=True, now=timezone.now())


def test_rivals_redeem_a_code_once(ada: User, seeder: FakeSeeder) -> None:
    approved(seeder, ada)
    # Pacing must not be what saves us, so every rival may poll at once.
    DeviceGrant.objects.update(interval=0)
    proofs = [seeder.proof("POST", "/oauth/token") for _rival in range(RIVALS)]
    now = timezone.now()

    def poll(number: int) -> services.TokenPair:
        return services.redeem_device_code(
            client_id=services.CLIENT_ID,
            device_code=seeder.device_code,
            proof=proofs[number],
            url="/oauth/token",
            address=None,
            now=now,
        )

    outcomes = at_once(poll)

    assert sum(isinstance(o, services.TokenPair) for o in outcomes) == 1
    assert {o.error for o in outcomes if isinstance(o, OAuthError)} == {"invalid_grant"}
    assert Device.objects.count() == DeviceLogin.objects.count() == 1
    assert DeviceToken.objects.count() == 2


def test_rivals_decide_once(ada: User, eve: User, seeder: FakeSeeder) -> None:
    code = seeder.begin()["user_code"]
    grant = services.find_grant(user_code=code, now=timezone.now())

    outcomes = at_once(
        lambda number: services.decide_device_login(
            grant_id=grant.pk,
            user=ada if number % 2 else eve,
            approve=bool(number % 2),
            now=timezone.now(),
        )
    )

    [winner] = [o for o in outcomes if isinstance(o, DeviceGrant)]
    assert sum(isinstance(o, CodeUsedError) for o in outcomes) == RIVALS - 1
    grant.refresh_from_db()
    assert (grant.state, grant.user) == (winner.state, winner.user)


def test_rivals_show_one_proof_and_one_gets_in(ada: User, seeder: FakeSeeder) -> None:
    device = seeder.log_in(ada)
    proof = seeder.proof("GET", "/api/v1/me", token=seeder.access_token)

    outcomes = at_once(lambda _number: seeder.call(proof=proof))

    assert outcomes.count((ada, device)) == 1
    assert sum(isinstance(o, InvalidProofError) for o in outcomes) == RIVALS - 1


def test_rivals_refresh_and_one_pair_is_left(ada: User, seeder: FakeSeeder) -> None:
    seeder.log_in(ada)
    proofs = [seeder.proof("POST", "/oauth/token") for _rival in range(RIVALS)]

    at_once(
        lambda number: services.refresh_tokens(
            client_id=services.CLIENT_ID,
            refresh_token=seeder.refresh_token,
            proof=proofs[number],
            url="/oauth/token",
            now=timezone.now(),
        )
    )

    # All come from the holder of the key, as retries; the last pair alone is good.
    assert DeviceToken.objects.filter(kind="refresh", used_at=None).count() == 1


def test_rivals_become_a_seller_once(ada: User) -> None:
    sellers = at_once(lambda _n: services.become_seller(user=ada, name="Studio", country="KR"))

    assert len({seller.pk for seller in sellers}) == 1


def test_sellers_of_one_name_get_addresses_of_their_own(db: None) -> None:
    users = [User.objects.create_user(f"u{n}@example.org", "x") for n in range(RIVALS)]

    sellers = at_once(lambda n: services.become_seller(user=users[n], name="Studio", country="KR"))

    assert len({seller.slug for seller in sellers}) == RIVALS
