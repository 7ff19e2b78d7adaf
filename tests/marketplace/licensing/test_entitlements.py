from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplace.catalog.models import Listing
from marketplace.licensing import queries, services
from marketplace.licensing.errors import (
    EntitlementConflictError,
    EntitlementNotFoundError,
    EntitlementRevokedError,
    TransitionError,
)
from marketplace.licensing.models import Entitlement, EntitlementEvent
from marketplace.licensing.states import after, replay
from marketplace.messaging.models import Event
from marketplace.messaging.services import user_group
from tests.marketplace.trade import buy, make_person, make_seller, sell

pytestmark = pytest.mark.django_db


def _events(user_id: uuid.UUID) -> list[str]:
    group = user_group(user_id)
    return list(Event.objects.filter(group=group).order_by("id").values_list("kind", flat=True))


def test_a_grant_opens_the_package_and_is_told() -> None:
    ada, listing = make_person(), sell()

    entitlement = buy(ada, listing)

    assert queries.owns(ada, listing.pk)
    assert queries.entitlement_of(ada, entitlement.package_id) == entitlement
    assert queries.entitled_packages() == {entitlement.package_id}
    assert entitlement.rights == {"play": True, "save": False}
    assert [e.kind for e in entitlement.events.all()] == ["granted"]
    assert _events(ada.pk) == ["library.changed"]


def test_an_order_is_granted_once() -> None:
    ada, listing, order = make_person(), sell(), uuid.uuid4()
    first = buy(ada, listing, order_id=order)

    again = buy(ada, listing, order_id=order)

    assert again == first
    assert EntitlementEvent.objects.count() == 1
    assert _events(ada.pk) == ["library.changed"]


def test_an_order_cannot_grant_something_else() -> None:
    ada, order = make_person(), uuid.uuid4()
    seller = make_seller()
    buy(ada, sell(seller), order_id=order)
    other = sell(seller, title="낮의 노래")

    with pytest.raises(EntitlementConflictError):
        buy(ada, other, order_id=order)

    assert Entitlement.objects.count() == 1


def test_a_refund_takes_back_and_is_told_once() -> None:
    ada, listing, order = make_person(), sell(), uuid.uuid4()
    entitlement = buy(ada, listing, order_id=order)

    first = services.revoke(order_id=order, cause="refund:1", now=timezone.now())
    again = services.revoke(order_id=order, cause="refund:1", now=timezone.now())

    assert (first, again) == (True, False)
    assert not queries.owns(ada, listing.pk)
    assert queries.entitled_packages() == set()
    assert _events(ada.pk) == ["library.changed", "licence.revoked", "library.changed"]
    with pytest.raises(EntitlementRevokedError):
        queries.entitlement_of(ada, entitlement.package_id)


def test_a_second_refund_is_kept_in_the_log_and_changes_nothing() -> None:
    ada, order = make_person(), uuid.uuid4()
    entitlement = buy(ada, sell(), order_id=order)
    services.revoke(order_id=order, cause="refund:1", now=timezone.now())

    changed = services.revoke(order_id=order, cause="refund:2", now=timezone.now())

    assert changed is False
    assert [e.kind for e in entitlement.events.all()] == ["granted", "refunded", "refunded"]


def test_what_was_refunded_does_not_come_back_by_granting_the_order_again() -> None:
    ada, listing, order = make_person(), sell(), uuid.uuid4()
    buy(ada, listing, order_id=order)
    services.revoke(order_id=order, cause="refund:1", now=timezone.now())

    buy(ada, listing, order_id=order)

    assert not queries.owns(ada, listing.pk)


def test_bought_again_after_a_refund_it_opens_again() -> None:
    ada, listing, order = make_person(), sell(), uuid.uuid4()
    buy(ada, listing, order_id=order)
    services.revoke(order_id=order, cause="refund:1", now=timezone.now())

    second = buy(ada, listing)

    assert queries.entitlement_of(ada, second.package_id) == second
    assert [p.active for p in queries.library_of(ada)] == [True, False]


def test_an_order_that_granted_nothing_has_nothing_to_revoke() -> None:
    assert services.revoke(order_id=uuid.uuid4(), cause="refund:1", now=timezone.now()) is False

    assert EntitlementEvent.objects.count() == 0


def test_anothers_purchase_is_not_found() -> None:
    ada, eve = make_person("ada"), make_person("eve")
    entitlement = buy(ada, sell())

    with pytest.raises(EntitlementNotFoundError):
        queries.entitlement_of(eve, entitlement.package_id)

    assert queries.library_of(eve) == []
    assert not queries.is_entitled(eve.pk, entitlement.package_id)


def test_a_library_shows_what_was_bought() -> None:
    ada = make_person()
    entitlement = buy(ada, sell(files={"둘.flac": b"fLaC" + b"b" * 90, "하나.flac": b"fLaC"}))

    [purchase] = queries.library_of(ada)

    assert purchase.title == "밤의 노래"
    assert purchase.seller == "달빛 스튜디오"
    assert purchase.order_id == entitlement.order_id
    assert [(f.index, f.name, f.size) for f in purchase.files] == [
        (0, "둘.flac", 94),
        (1, "하나.flac", 4),
    ]
    assert (purchase.active, purchase.revoked_at, purchase.may_save) == (True, None, False)


def test_the_end_is_the_first_refund_after_the_last_restoration() -> None:
    ada, order = make_person(), uuid.uuid4()
    buy(ada, sell(), order_id=order)
    day = dt.timedelta(days=1)
    start = timezone.now()
    services.revoke(order_id=order, cause="refund:1", now=start)
    services.restore(order_id=order, cause="back:1", now=start + day)
    [whole] = queries.library_of(ada)
    services.revoke(order_id=order, cause="refund:2", now=start + 2 * day)
    services.revoke(order_id=order, cause="refund:3", now=start + 3 * day)

    [ended] = queries.library_of(ada)

    assert (whole.revoked_at, ended.revoked_at) == (None, start + 2 * day)


@pytest.mark.parametrize("way", ["save", "delete", "update", "bulk_update", "delete many"])
def test_the_log_is_never_rewritten(way: str) -> None:
    entitlement = buy(make_person(), sell())
    event = entitlement.events.get()
    rows = EntitlementEvent.objects.all()
    attempts: dict[str, Callable[[], object]] = {
        "save": event.save,
        "delete": event.delete,
        "update": lambda: rows.update(kind="refunded"),
        "bulk_update": lambda: rows.bulk_update([event], ["kind"]),
        "delete many": rows.delete,
    }

    with pytest.raises(TypeError, match="never"):
        attempts[way]()

    assert entitlement.events.get().kind == "granted"


@pytest.mark.parametrize(
    ("state", "kind"), [(None, "refunded"), ("active", "granted"), ("revoked", "granted")]
)
def test_a_move_that_is_not_in_the_table_is_refused(state: str | None, kind: str) -> None:
    with pytest.raises(TransitionError):
        after(state, kind)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["grant", "revoke", "restore"]), st.integers(0, 2), st.integers(0, 2)
        ),
        max_size=20,
    )
)
def test_the_state_is_what_the_log_adds_up_to(steps: list[tuple[str, int, int]]) -> None:
    ada = make_person(uuid.uuid4().hex)
    # All examples share a database: the listing is made by the first.
    listing = Listing.objects.first() or sell()
    orders = [uuid.uuid4() for _ in range(3)]

    for step, order, cause in steps:
        if step == "grant":
            buy(ada, listing, order_id=orders[order])
        elif step == "revoke":
            services.revoke(order_id=orders[order], cause=f"refund:{cause}", now=timezone.now())
        else:
            services.restore(order_id=orders[order], cause=f"back:{cause}", now=timezone.now())

    for entitlement in Entitlement.objects.filter(order_id__in=orders):
        kinds = [event.kind for event in entitlement.events.order_by("id")]
        assert entitlement.state == replay(kinds)
        asked = {(s, c) for s, o, c in steps if orders[o] == entitlement.order_id}
        # Each cause counts once, however often it is told.
        assert len(kinds) <= 1 + sum(1 for s, _ in asked if s != "grant")
