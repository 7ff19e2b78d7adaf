"""Answering a dispute on its pages: text, files, and handing in once."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from marketplace.accounts.models import Device
from marketplace.checkout import services
from marketplace.checkout.types import Wish
from marketplace.licensing import services as licensing
from marketplace.orders.models import Order
from marketplace.orders.queries import terms_of
from marketplace.payments.models import Answer, Dispute, EvidenceFile
from tests.marketplace.checkout.disputing import PDF, follow, open_dispute, operator
from tests.marketplace.checkout.shopping import bought, client_of
from tests.marketplace.stripe_fixtures import Emulator
from tests.marketplace.trade import log_in_device, make_person, make_seller, sell

pytestmark = pytest.mark.django_db(transaction=True)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


@pytest.fixture
def order(stripe: Emulator) -> Order:
    return bought(stripe, make_person(), sell())


@pytest.fixture
def dispute(stripe: Emulator, order: Order) -> Dispute:
    return open_dispute(stripe, order)


@pytest.fixture
def seller(order: Order) -> Client:
    return client_of(order.listing.seller)


def upload(
    client: Client, dispute: Dispute, content: bytes, *, name: str = "a.pdf", slot: str = "receipt"
) -> HttpResponse:
    file = SimpleUploadedFile(name, content)
    return client.post(f"/studio/disputes/{dispute.pk}/files/", {"slot": slot, "file": file})  # type: ignore[return-value]


def hand_in(client: Client, dispute: Dispute, **texts: str) -> HttpResponse:
    return client.post(f"/studio/disputes/{dispute.pk}/", {"hand_in": "1", **texts}, follow=True)  # type: ignore[return-value]


def test_the_page_says_what_is_asked_and_what_is_known(
    seller: Client, order: Order, dispute: Dispute
) -> None:
    page = seller.get(f"/studio/disputes/{dispute.pk}/").content.decode()
    listed = seller.get("/studio/disputes/").content.decode()

    assert "did not make this payment" in page
    assert order.number in page
    assert page.count("₩9,900") == 3  # disputed, taken, the price
    assert "and a fee of ₩15,000" in page
    assert "None was fetched by a device." in page
    assert order.buyer.email not in page
    assert "Needs an answer" in listed
    assert order.number in listed
    assert f"/studio/disputes/{dispute.pk}/" in listed


def test_a_seller_answers_with_text_and_file_and_wins(
    stripe: Emulator, seller: Client, order: Order
) -> None:
    thumbprint = log_in_device(order.buyer).identity.public.thumbprint
    licensing.licence_for(
        user=order.buyer,
        device=Device.objects.get(thumbprint=thumbprint),
        package_id=order.package_id,
        now=timezone.now(),
    )
    dispute = open_dispute(stripe, order)
    upload(seller, dispute, PDF, name="C:\\영수증.exe")

    done = hand_in(seller, dispute, uncategorized_text="winning_evidence")

    assert "Handed in. Now the bank decides" in done.content.decode()
    told = stripe.sdk.v1.disputes.retrieve(dispute.stripe_id)
    assert told.status == "under_review"
    evidence = told.evidence
    file = EvidenceFile.objects.get()
    assert (file.name, file.media_type, file.size) == ("영수증.pdf", "application/pdf", len(PDF))
    assert file.stripe_id in str(evidence.receipt)
    assert evidence.uncategorized_text == "winning_evidence"
    assert evidence.customer_email_address == order.buyer.email
    assert order.number in (evidence.product_description or "")
    assert "Licence for" in (evidence.access_activity_log or "")
    assert Answer.objects.get().state == "sent"
    stripe.hook("clock", advance=3601)
    assert follow(order).state == "paid"
    assert Dispute.objects.get().status == "won"


def test_an_answer_is_handed_in_once(stripe: Emulator, seller: Client, dispute: Dispute) -> None:
    hand_in(seller, dispute, uncategorized_text="first")

    again = hand_in(seller, dispute, uncategorized_text="second")
    late = upload(seller, dispute, PDF)

    assert "handed in already" in again.content.decode()
    assert late.status_code == 302
    assert EvidenceFile.objects.count() == 0
    told = stripe.sdk.v1.disputes.retrieve(dispute.stripe_id)
    assert told.evidence.uncategorized_text == "first"
    assert told.evidence_details.submission_count == 1


def test_an_answer_whose_confirmation_was_lost_is_the_same_answer(
    stripe: Emulator, seller: Client, dispute: Dispute
) -> None:
    stripe.hook("fail_next", count=9, when="after", path=f"/v1/disputes/{dispute.stripe_id}")
    lost = hand_in(seller, dispute, uncategorized_text="mine")
    stripe.hook("rules", method="DELETE")
    assert lost.status_code == 503
    assert Answer.objects.get().state == "sending"

    page = seller.get(f"/studio/disputes/{dispute.pk}/").content.decode()
    assert "Hand it in again" in page
    again = hand_in(seller, dispute, uncategorized_text="changed meanwhile")

    assert "Handed in." in again.content.decode()
    told = stripe.sdk.v1.disputes.retrieve(dispute.stripe_id)
    assert told.evidence.uncategorized_text == "mine"
    assert told.evidence_details.submission_count == 1


def test_a_draft_is_kept_and_hands_nothing_in(
    stripe: Emulator, seller: Client, dispute: Dispute
) -> None:
    kept = seller.post(
        f"/studio/disputes/{dispute.pk}/", {"uncategorized_text": "half a sen"}, follow=True
    )

    assert "Kept. It is not handed in yet." in kept.content.decode()
    assert "half a sen" in kept.content.decode()
    told = stripe.sdk.v1.disputes.retrieve(dispute.stripe_id)
    assert (told.status, told.evidence.uncategorized_text) == ("needs_response", None)


def test_an_empty_answer_is_not_handed_in(
    stripe: Emulator, seller: Client, dispute: Dispute
) -> None:
    answered = hand_in(seller, dispute)

    assert answered.status_code == 422
    assert "Write something, or add a file" in answered.content.decode()
    assert stripe.sdk.v1.disputes.retrieve(dispute.stripe_id).status == "needs_response"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"MZ\x90 a program", "neither a PDF nor a picture"),
        (b"%PDF-" + bytes(4_500_000), "larger than 4.5 MB"),
        (b"", "empty"),
    ],
)
def test_a_file_that_no_bank_reads_is_refused(
    seller: Client, dispute: Dispute, content: bytes, said: str
) -> None:
    refused = upload(seller, dispute, content)

    assert refused.status_code == 422
    assert said in refused.content.decode()
    assert EvidenceFile.objects.count() == 0


def test_files_are_limited_together_replaced_and_left_out(seller: Client, dispute: Dispute) -> None:
    large = PNG + bytes(2_400_000)
    assert upload(seller, dispute, large, slot="receipt").status_code == 302
    too_much = upload(seller, dispute, large, slot="uncategorized_file")
    assert (too_much.status_code, EvidenceFile.objects.count()) == (422, 1)

    assert upload(seller, dispute, PDF, slot="receipt").status_code == 302
    assert EvidenceFile.objects.get().size == len(PDF)

    seller.post(f"/studio/disputes/{dispute.pk}/files/", {"remove": "receipt"})
    assert EvidenceFile.objects.count() == 0


def test_while_stripe_cannot_be_reached_no_file_is_kept(
    stripe: Emulator, seller: Client, dispute: Dispute
) -> None:
    upload(seller, dispute, PDF)
    stripe.hook("fail_next", count=9, path="/v1/files", verb="POST")

    failed = upload(seller, dispute, PNG, name="b.png")

    assert failed.status_code == 503
    assert EvidenceFile.objects.get().media_type == "application/pdf"


def test_too_late_is_too_late(seller: Client, dispute: Dispute) -> None:
    Dispute.objects.update(due_by=timezone.now() - dt.timedelta(seconds=1))

    page = seller.get(f"/studio/disputes/{dispute.pk}/").content.decode()
    answered = hand_in(seller, dispute, uncategorized_text="sorry")

    assert "Hand in the answer" not in page
    assert "takes no answer to this dispute any more" in answered.content.decode()
    assert Answer.objects.count() == 0


def test_who_may_see_and_answer(stripe: Emulator, order: Order, dispute: Dispute) -> None:
    place = f"/studio/disputes/{dispute.pk}/"

    boss = client_of(operator())
    assert boss.get(place).status_code == 200
    assert order.number in boss.get(place).content.decode()
    for stranger in (order.buyer, make_seller("다른 가게")):
        assert client_of(stranger).get(place).status_code == 404
        assert client_of(stranger).post(place, {"hand_in": "1"}).status_code == 404
        assert f"{dispute.pk}" not in client_of(stranger).get("/studio/disputes/").content.decode()


def test_of_several_sellers_the_operator_answers(stripe: Emulator) -> None:
    one, two = sell(), sell(make_seller("다른 가게"), title="낮의 노래")
    started = services.start_checkout(
        buyer=make_person(),
        wishes=[Wish(listing_id=x.pk, seen=terms_of(x).token) for x in (one, two)],
        site="http://shop.test",
        language="en",
        now=timezone.now(),
    )
    assert started.pay_url
    stripe.pay(started.pay_url)
    services.settle_bill(bill_id=started.bill.pk, now=timezone.now())
    dispute = open_dispute(stripe, started.orders[0])
    seller = client_of(one.seller)

    page = seller.get(f"/studio/disputes/{dispute.pk}/").content.decode()
    refused = hand_in(seller, dispute, uncategorized_text="me")

    assert one.title in page
    assert two.title not in page
    assert "the operator of the shop answers" in page
    assert "the operator of the shop answers" in refused.content.decode()
    assert Answer.objects.count() == 0
    done = hand_in(client_of(operator()), dispute, uncategorized_text="us")
    assert "Handed in." in done.content.decode()
