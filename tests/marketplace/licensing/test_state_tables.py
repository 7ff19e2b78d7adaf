"""Every cell of docs/entitlements.md, through the services and with real orders of events."""

from __future__ import annotations

import itertools

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplace.catalog.models import Listing
from marketplace.core.errors import MarketplaceError
from marketplace.licensing.models import Entitlement, EntitlementEvent
from marketplace.licensing.states import replay
from marketplace.messaging.models import Event
from marketplace.messaging.services import user_group
from tests.marketplace.licensing.tables import WAYS, Case, cells, read_table, rows_of
from tests.marketplace.trade import sell

pytestmark = pytest.mark.django_db

KINDS = ("purchase", "rental", "subscription", "present", "gift", "loan")
CASES = [(kind, *cell) for kind in KINDS for cell in cells(kind)]


def _brought_to(case: Case, state: str, event: str) -> None:
    way: tuple[str, ...] = ("claimed",) if case.kind == "present" else ("transferred",)
    way = WAYS.get(state, way)
    if event == "returned" and case.loan is None and state != "lent":
        # It was lent and came back before; the event is the same return, told again.
        way = ("lent", "returned", *way)
    for told in way:
        case.fire(told)
    assert case.entitlement.state == state


def _new_fact(state: str, event: str) -> str:
    """A fact that was not told yet; a dispute is won that led to the state."""
    if event.startswith("dispute_") and event != "dispute_won" and state != "active":
        return f"{event} d2"
    fact = {"dispute": "d1", "restored": "f1"}.get(event.partition("_")[0], "n1")
    money = event.startswith(("dispute_", "refunded")) or event in (
        "withdrawn", "payment_failed", "restored",
    )  # fmt: skip
    return f"{event} {fact}" if money else event


def _check(case: Case, state: str, event: str, follows: str) -> None:
    _brought_to(case, state, event)
    log, events = case.log(), EntitlementEvent.objects.count()
    told = Event.objects.filter(group=user_group(case.entitlement.user_id)).count()

    if follows == "refused":
        with pytest.raises(MarketplaceError) as refusal, transaction.atomic():
            case.fire(_new_fact(state, event))
        assert len(str(refusal.value)) > 20
    else:
        case.fire(_new_fact(state, event))

    after = case.entitlement
    assert after.state == replay(case.log())
    if follows in ("refused", "–"):
        assert (case.log(), after.state) == (log, state)
        if follows == "refused":
            assert EntitlementEvent.objects.count() == events
        return
    assert (case.log(), after.state) == ([*log, event], follows)
    if follows != state:
        group = user_group(after.user_id)
        assert Event.objects.filter(group=group).count() > told


@pytest.mark.parametrize(("kind", "state", "event", "follows"), CASES)
def test_every_cell(kind: str, state: str, event: str, follows: str) -> None:
    _check(Case(kind, sell()), state, event, follows)


@pytest.mark.parametrize(("state", "event", "follows"), cells("gift"))
def test_every_cell_of_a_present_that_was_claimed(state: str, event: str, follows: str) -> None:
    case = Case("gift", sell(), claimed=True)
    assert case.entitlement.kind == "gift"

    _check(case, state, event, follows)


@pytest.mark.parametrize(("kind", "told", "state"), rows_of("order"))
def test_what_is_late_repeated_or_out_of_order(kind: str, told: str, state: str) -> None:
    case = Case(kind, sell())

    for one in told.split(", "):
        try:
            with transaction.atomic():
                case.fire(one)
        except MarketplaceError:
            assert one == "claimed"

    assert case.entitlement.state == state
    assert replay(case.log()) == state


def test_the_document_names_every_event_and_every_state() -> None:
    text = {row[0] for name in KINDS for row in rows_of(f"table: {name}")}
    states = {state for name in KINDS for state in read_table(f"table: {name}")[0][1:]}

    # `received` begins a log, and is in none of the rows.
    assert text | {"received"} == set(EntitlementEvent.Kind.values)
    assert states == set(Entitlement.State.values)
    assert read_table("readers")[0][1:] == [
        "active", "given", "suspended", "lent", "transferred", "returned", "revoked",
        "charged_back",
    ]  # fmt: skip


FACTS = [
    "refunded r1", "refunded r2", "withdrawn w1", "payment_failed p1", "restored f1",
    "restored f2", "dispute_opened d1", "dispute_won d1", "dispute_lost d1", "dispute_opened d2",
    "dispute_won d2", "dispute_lost d2", "refunded_part q1",
]  # fmt: skip


def _expected(told: list[str], home: str) -> str:
    """What the facts come to, by rules of their own: the worst that still holds."""
    known: set[str] = set()
    gone = False
    disputes: dict[str, str] = {}
    for one in told:
        event, fact = one.split(" ")
        late = event == "dispute_opened" and fact in disputes
        if one in known or late or (event == "restored" and not gone):
            continue
        known.add(one)
        if event.startswith("dispute_"):
            disputes[fact] = event
        elif event == "restored":
            gone = False
        elif event != "refunded_part":
            gone = True
    if "dispute_lost" in disputes.values():
        return "charged_back"
    if gone:
        return "revoked"
    return "suspended" if "dispute_opened" in disputes.values() else home


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from(["purchase", "rental", "subscription", "present", "gift"]),
    st.lists(st.sampled_from(FACTS), max_size=14),
)
def test_any_schedule_of_money_leads_to_what_holds(kind: str, told: list[str]) -> None:
    listing = Listing.objects.first() or sell()
    case = Case(kind, listing)

    for one in told:
        case.fire(one)

    assert case.entitlement.state == _expected(told, "given" if kind == "present" else "active")
    assert replay(case.log()) == case.entitlement.state


def test_the_same_facts_in_every_order_end_the_same() -> None:
    listing = sell()
    facts = ("dispute_opened d1", "dispute_lost d1", "refunded r1", "refunded_part q1")

    ends = set()
    for told in itertools.permutations(facts):
        case = Case("purchase", listing)
        for one in (*told, *told):
            case.fire(one)
        ends.add(case.entitlement.state)

    assert ends == {"charged_back"}
