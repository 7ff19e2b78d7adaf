"""Making codes, and counting their uses."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from marketplace.core.money import Money
from marketplace.discounts import services
from marketplace.discounts.errors import (
    CodeNotBegunError,
    CodeNotFoundError,
    CodeNotUsableError,
    CodeOverError,
    CodeTakenError,
    CodeTermsError,
    CodeUnknownError,
    CodeUsedByYouError,
    CodeUsedUpError,
)
from marketplace.discounts.models import Code, Redemption
from marketplace.discounts.queries import codes_of, redemption_of
from marketplace.discounts.texts import new_text, normalised
from tests.marketplace.discounts.coding import NOW, line_of, lines_of, make_code, reserve
from tests.marketplace.trade import make_person, make_seller, sell

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


@pytest.mark.parametrize(
    "typed",
    ["BYEOL-2026", "byeol2026", " ＢＹＥＯＬ　２０２６ ", "Byeol–2026", "b\u200by\u200beol2026"],
)
def test_a_code_reads_the_same_however_it_is_typed(typed: str) -> None:
    seller = make_seller()
    code = make_code(seller)

    found = services.preview(text=typed, buyer=None, lines=[line_of(seller.pk, 10_000)], now=NOW)

    assert (found.code_id, found.shown, found.total) == (code.pk, "BYEOL-2026", Money(1_000, "KRW"))


def test_letters_of_korean_and_accents_count_and_fillers_do_not() -> None:
    assert normalised("겨울 할인 2026!") == "겨울할인2026"
    assert normalised("E\u0301te\u0301 10") == normalised("été10")
    assert normalised("\u3164\u2800-–—_.") == ""
    assert len(normalised(new_text())) == 8


def test_a_code_is_one_in_the_whole_shop() -> None:
    make_code(make_seller())

    with pytest.raises(CodeTakenError, match="Byeol2026"):
        make_code(make_seller("다른 가게"), "Byeol2026")

    assert Code.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "terms"),
    [
        ("text", {"text": "abc"}),
        ("text", {"text": "a" * 41}),
        ("text", {"text": "a-" * 20 + "b"}),
        ("text", {"text": "별별\n별별별"}),
        ("percent", {"percent": None}),
        ("percent", {"percent": 10, "amount": Money(500, "KRW")}),
        ("percent", {"percent": 101}),
        ("amount", {"percent": None, "amount": Money(0, "KRW")}),
        ("minimum", {"minimum": Money(-1, "KRW")}),
        (
            "minimum",
            {"percent": None, "amount": Money(5, "KRW"), "minimum": Money(100, "USD")},
        ),
        ("zone", {"zone": "Asia/Gotham"}),
        ("ends_at", {"ends_at": NOW - DAY}),
        ("ends_at", {"starts_at": NOW + 2 * DAY, "ends_at": NOW + DAY}),
        ("total_limit", {"total_limit": 0}),
        ("buyer_limit", {"buyer_limit": -1}),
    ],
)
def test_what_does_not_fit_together_is_refused(field: str, terms: dict[str, Any]) -> None:
    seller = make_seller()

    with pytest.raises(CodeTermsError) as error:
        make_code(seller, **{"text": "BYEOL-2026", "percent": 10, **terms})

    assert error.value.field == field
    assert Code.objects.count() == 0


def test_a_code_is_for_the_sellers_own_listings() -> None:
    seller, foreign = make_seller(), sell()

    with pytest.raises(CodeTermsError) as error:
        make_code(seller, listing_ids=frozenset({foreign.pk}))

    assert error.value.field == "listings"


def test_the_table_itself_takes_no_nonsense() -> None:
    seller = make_seller()
    good: dict[str, Any] = {
        "seller": seller,
        "shown": "X",
        "kind": "percent",
        "percent": 10,
        "starts_at": NOW,
    }

    nonsense: list[dict[str, Any]] = [
        {"percent": 0},
        {"percent": None},
        {"kind": "amount"},
        {"kind": "amount", "percent": None, "amount_minor": 5, "currency": ""},
        {"minimum_minor": 5},
        {"ends_at": NOW},
        {"total_limit": 0},
    ]
    for number, bad in enumerate(nonsense):
        with pytest.raises(IntegrityError), transaction.atomic():
            Code.objects.create(**{**good, **bad, "text": f"x{number}"})


def test_a_code_works_within_its_time_and_until_its_seller_ends_it() -> None:
    seller = make_seller()
    code = make_code(seller, starts_at=NOW + DAY, ends_at=NOW + 2 * DAY)
    lines = [line_of(seller.pk, 10_000)]

    def ask(now: dt.datetime) -> Any:
        return services.preview(text="byeol2026", buyer=None, lines=lines, now=now)

    with pytest.raises(CodeNotBegunError):
        ask(NOW)
    assert ask(NOW + DAY).total.minor == 1_000
    with pytest.raises(CodeOverError):
        ask(NOW + 2 * DAY)

    services.end_code(code_id=code.pk, seller=seller, now=NOW + DAY)
    services.end_code(code_id=code.pk, seller=seller, now=NOW + 2 * DAY)

    with pytest.raises(CodeOverError):
        ask(NOW + DAY)
    assert Code.objects.get().ended_at == NOW + DAY


def test_another_sellers_code_is_not_found() -> None:
    code = make_code(make_seller())

    with pytest.raises(CodeNotFoundError):
        services.end_code(code_id=code.pk, seller=make_seller("다른 가게"), now=NOW)

    assert Code.objects.get().ended_at is None


@pytest.mark.parametrize("text", ["NOBODY", "", "---"])
def test_what_nobody_made_is_not_known(text: str) -> None:
    with pytest.raises(CodeUnknownError):
        services.preview(text=text, buyer=None, lines=[line_of(uuid.uuid4(), 1_000)], now=NOW)


def test_looking_counts_nothing() -> None:
    seller, ada = make_seller(), make_person()
    code = make_code(seller, total_limit=1)

    for _ in range(3):
        services.preview(text=code.text, buyer=ada, lines=[line_of(seller.pk, 1_000)], now=NOW)

    assert Redemption.objects.count() == 0


def test_a_use_is_held_while_the_payment_is_open_and_free_again_when_it_expires() -> None:
    seller, ada, eve = make_seller(), make_person(), make_person("eve")
    code = make_code(seller, total_limit=1)
    bill = uuid.uuid4()

    assert reserve(code, ada, bill_id=bill).total.minor == 1_000
    assert reserve(code, ada, bill_id=bill).total.minor == 1_000  # asked again: the same
    with pytest.raises(CodeUsedUpError):
        reserve(code, eve)
    assert services.release(bill_id=bill, now=NOW) is True
    assert services.release(bill_id=bill, now=NOW) is False

    assert reserve(code, eve).total.minor == 1_000
    assert Redemption.objects.count() == 2


def test_paid_late_it_counts_after_all_be_it_over_the_limit() -> None:
    seller, ada, eve = make_seller(), make_person(), make_person("eve")
    code = make_code(seller, total_limit=1)
    late, prompt = uuid.uuid4(), uuid.uuid4()
    reserve(code, ada, bill_id=late)
    services.release(bill_id=late, now=NOW)
    reserve(code, eve, bill_id=prompt)

    assert services.use(bill_id=prompt, now=NOW) is True
    assert services.use(bill_id=late, now=NOW + DAY) is True
    assert services.use(bill_id=late, now=NOW + DAY) is False
    assert services.release(bill_id=late, now=NOW + DAY) is False

    assert {r.state for r in Redemption.objects.all()} == {"used"}
    shown = codes_of(seller).get()
    assert (shown.used, shown.open_uses) == (2, 0)  # type: ignore[attr-defined]  # annotated
    with pytest.raises(CodeUsedUpError):
        reserve(code, make_person("bob"))


def test_each_buyer_has_their_share_and_hears_why_not() -> None:
    seller, ada = make_seller(), make_person()
    code = make_code(seller, buyer_limit=2)
    first, second = uuid.uuid4(), uuid.uuid4()
    reserve(code, ada, bill_id=first)
    reserve(code, ada, bill_id=second)

    with pytest.raises(CodeUsedByYouError, match="still open"):
        reserve(code, ada)
    services.use(bill_id=first, now=NOW)
    services.use(bill_id=second, now=NOW)
    with pytest.raises(CodeUsedByYouError, match="2 times for each buyer"):
        reserve(code, ada)

    assert reserve(code, make_person("eve")).total.minor == 1_000


def test_what_a_buyers_own_open_bill_holds_does_not_stand_in_their_way() -> None:
    seller, ada, bill = make_seller(), make_person(), uuid.uuid4()
    code = make_code(seller, total_limit=1)
    reserve(code, ada, bill_id=bill)
    lines = [line_of(seller.pk, 10_000)]

    found = services.preview(text=code.text, buyer=ada, lines=lines, now=NOW, besides=[bill])

    assert found.total.minor == 1_000
    with pytest.raises(CodeUsedByYouError):
        services.preview(text=code.text, buyer=ada, lines=lines, now=NOW)


def test_a_bill_without_a_code_is_nothing_to_use_or_release() -> None:
    bill = uuid.uuid4()

    assert services.use(bill_id=bill, now=NOW) is False
    assert services.release(bill_id=bill, now=NOW) is False
    assert redemption_of(bill) is None


def test_a_refused_use_counts_nothing() -> None:
    seller, ada = make_seller(), make_person()
    code = make_code(seller, minimum=Money(20_000, "KRW"))

    with pytest.raises(CodeNotUsableError):
        reserve(code, ada)

    assert Redemption.objects.count() == 0


def test_a_code_for_one_listing_takes_off_that_one() -> None:
    seller = make_seller()
    one, other = sell(seller), sell(seller, title="다른 노래")
    code = make_code(seller, listing_ids=frozenset({one.pk}))

    found = services.preview(text=code.text, buyer=None, lines=lines_of(other, one), now=NOW)

    assert found.lines == (Money(0, "KRW"), Money(990, "KRW"))
    assert redemption_of(uuid.uuid4()) is None
