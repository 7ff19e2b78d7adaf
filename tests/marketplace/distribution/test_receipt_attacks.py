"""Those who would be paid for what they never sent. None of them is."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import Any

import pytest
from django.utils import timezone

from drm.encoding import b64u, from_b64u
from drm.keys import IdentityKey
from drm.receipts import Link
from drm.signed import document_hash, sign
from marketplace.accounts import services as accounts
from marketplace.distribution import queries, receipts
from marketplace.distribution.errors import ReceiptsBrokenError, ReceiptsRefusedError
from marketplace.distribution.models import Claim, Receipt, ReceiptChain, SwarmLabel
from marketplace.distribution.receipts import CHAINS_A_DAY
from marketplace.licensing import services as licensing
from marketplace.licensing.models import Entitlement
from tests.marketplace.accounts.seeder import FakeSeeder
from tests.marketplace.distribution.receipting import Crowd, Peer, chain_id

pytestmark = pytest.mark.django_db


@pytest.fixture
def crowd() -> Crowd:
    return Crowd()


@pytest.fixture
def ada(crowd: Crowd) -> Peer:
    """Who receives, and says the truth unless a test has her lie."""
    return crowd.joins("ada")


@pytest.fixture
def eve(crowd: Crowd) -> Peer:
    """Who has bought it, too, and sends nothing."""
    return crowd.joins("eve")


def _refused(peer: Peer, document: str) -> None:
    before = (Receipt.objects.count(), Claim.objects.count(), ReceiptChain.objects.count())
    with pytest.raises(ReceiptsRefusedError):
        peer.hand_in(document)
    after = (Receipt.objects.count(), Claim.objects.count(), ReceiptChain.objects.count())
    assert after == before


def _signed_as_it_is(peer: Peer, claims: dict[str, Any]) -> str:
    """Genuine, and past our own writer, which would refuse to sign some numbers."""
    header = {"alg": "EdDSA", "kid": peer.device.thumbprint, "typ": "geobuk-receipts+jws"}
    signed = ".".join(b64u(json.dumps(part).encode()) for part in (header, claims))
    return f"{signed}.{b64u(peer.seeder.identity.sign(signed.encode()))}"


def test_forged_signature(crowd: Crowd, ada: Peer, eve: Peer) -> None:
    """Eve writes Ada's receipt herself: under a key of her own, and under a signature that Ada
    once gave for less."""
    eve.says(sent={ada.label: 1000})
    honest = ada.document(got={eve.label: 1})
    header, payload, signature = honest.split(".")
    wished = json.loads(from_b64u(payload))
    wished["receipts"][0]["bytes"] = 1000
    own_key = sign(wished, key=IdentityKey.generate(), kind="geobuk-receipts+jws")
    grafted = f"{header}.{b64u(json.dumps(wished).encode())}.{signature}"

    _refused(ada, own_key)
    _refused(ada, grafted)

    assert crowd.deliveries(ada) == {}


def test_replayed_receipt(crowd: Crowd, ada: Peer, eve: Peer) -> None:
    """Ada's one receipt is handed in again and again, and told anew in other chains."""
    eve.says(sent={ada.label: 10_000})
    document = ada.document(got={eve.label: 1000})

    for _n in range(3):
        ada.hand_in(document)
    for number in (1, 2):
        ada.chain, ada.head = chain_id(number), None
        ada.says(got={eve.label: 1000})

    assert crowd.deliveries(ada) == {eve.user.pk: 1000}


def test_replayed_claim(crowd: Crowd, ada: Peer, eve: Peer) -> None:
    ada.says(got={eve.label: 10_000})

    for number in range(3):
        eve.chain, eve.head = chain_id(number), None
        eve.says(sent={ada.label: 1000})

    assert crowd.deliveries(ada) == {eve.user.pk: 1000}


def test_replayed_label(crowd: Crowd, ada: Peer, eve: Peer) -> None:
    """Eve sends under Ben's label, as anyone can; Ada believes it is Ben."""
    ben = crowd.joins("ben")

    ada.says(got={ben.label: 1000})
    eve.says(sent={ada.label: 1000})

    assert crowd.deliveries(ada) == {}


def test_a_label_that_was_taken_to_receive_under_it(crowd: Crowd, ada: Peer, eve: Peer) -> None:
    """Eve fetches as Ada from Ben, so that Ben's bytes count as Ada's."""
    ben = crowd.joins("ben")

    eve.says(got={ben.label: 1000})
    ben.says(sent={ada.label: 1000})

    assert crowd.deliveries(ada) == crowd.deliveries(eve) == {}


def test_receipt_of_anothers_device(crowd: Crowd, ada: Peer, eve: Peer) -> None:
    """Eve hands in what Ada has signed, and signs for Ada's device with her own key."""
    eve.says(sent={ada.label: 1000})
    in_adas_name = sign(
        {
            "v": 1,
            "device": ada.device.thumbprint,
            "chain": eve.chain,
            "seq": 1,
            "prev": None,
            "iat": 0,
            "receipts": [{"package": crowd.package, "label": eve.label, "bytes": 1000}],
            "claims": [],
        },
        key=eve.seeder.identity,
        kind="geobuk-receipts+jws",
        header={"kid": ada.device.thumbprint},
    )

    _refused(eve, ada.document(got={eve.label: 1000}))
    _refused(eve, in_adas_name)

    assert crowd.deliveries(ada) == crowd.deliveries(eve) == {}


def test_inflated_receipt(crowd: Crowd, ada: Peer, eve: Peer) -> None:
    """Ada's device says ten times what it got: the sender's word bounds it."""
    ada.says(got={eve.label: 10_000})
    eve.says(sent={ada.label: 1000})

    assert crowd.deliveries(ada) == {eve.user.pk: 1000}


def test_inflated_claim(crowd: Crowd, ada: Peer, eve: Peer) -> None:
    ada.says(got={eve.label: 1000})
    eve.says(sent={ada.label: 10_000})

    assert crowd.deliveries(ada) == {eve.user.pk: 1000}


def test_a_claim_alone_and_a_receipt_alone(crowd: Crowd, ada: Peer, eve: Peer) -> None:
    ben = crowd.joins("ben")

    ada.says(got={ben.label: 1000})
    eve.says(sent={ada.label: 1000})

    assert crowd.deliveries(ada) == {}


@pytest.mark.parametrize(
    ("hers", "neighbours"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("198.51.100.7", "198.51.100.250"),
        ("2001:db8:0:7::1", "2001:db8:0:7:ffff::2"),
        ("198.51.100.7", "::ffff:198.51.100.8"),
    ],
)
def test_coalition_of_two_accounts_at_one_address(crowd: Crowd, hers: str, neighbours: str) -> None:
    ada = crowd.joins("ada", address=hers)
    eve = crowd.joins("eve", address=neighbours)

    crowd.deliver(eve, ada, 1000)

    assert crowd.deliveries(ada) == {}


def test_a_coalition_that_moves_apart_after_it_was_seen_together(crowd: Crowd) -> None:
    """One word from the common flat is enough, also where the labels were got elsewhere."""
    ada = crowd.joins("ada", address="198.51.100.7")
    eve = crowd.joins("eve", address="198.51.100.9")
    eve.says()
    eve.address = "203.0.113.1"
    SwarmLabel.objects.filter(device=eve.device).update(address=eve.address)

    crowd.deliver(eve, ada, 1000)

    assert crowd.deliveries(ada) == {}


def test_a_coalition_that_hands_in_its_receipts_from_elsewhere(crowd: Crowd) -> None:
    """Where the labels were asked for, and announced, is enough as well."""
    ada = crowd.joins("ada", address="198.51.100.7")
    eve = crowd.joins("eve", address="198.51.100.9")
    ada.address, eve.address = "192.0.2.1", "203.0.113.1"

    crowd.deliver(eve, ada, 1000)

    assert crowd.deliveries(ada) == {}


def test_self_delivery_by_a_second_device(crowd: Crowd, ada: Peer) -> None:
    phone = crowd.joins(user=ada.user)

    crowd.deliver(phone, ada, 1000)

    assert crowd.deliveries(ada) == {}


def test_self_delivery_by_a_device_that_changed_hands(crowd: Crowd, ada: Peer) -> None:
    """Ada's old phone, logged in under another account that is hers as well."""
    phone = crowd.joins(user=ada.user)
    accounts.remove_device(user=ada.user, device_id=phone.device.pk, now=timezone.now())
    other = crowd.joins("other")
    reused = FakeSeeder("phone")
    reused.identity = phone.seeder.identity
    reused.log_in(other.user)

    crowd.deliver(other, ada, 1000)

    assert crowd.deliveries(ada) == {}


def test_own_label(crowd: Crowd, ada: Peer) -> None:
    ada.says(got={ada.label: 1000}, sent={ada.label: 1000})

    assert crowd.deliveries(ada) == {}
    assert (Receipt.objects.count(), Claim.objects.count()) == (0, 0)


def test_gap_in_the_chain(crowd: Crowd, ada: Peer, eve: Peer) -> None:
    """The third document without the second: whatever was in that one is not to be hidden."""
    eve.says(sent={ada.label: 5000})
    ada.says(got={eve.label: 1000})
    unseen = ada.document(got={eve.label: 1500})
    ada.head = Link(ada.chain, 2, document_hash(unseen))

    with pytest.raises(ReceiptsBrokenError):
        ada.says(got={eve.label: 5000})
    # Too late for the missing one, too.
    with pytest.raises(ReceiptsBrokenError):
        ada.hand_in(unseen)

    assert crowd.deliveries(ada) == {eve.user.pk: 1000}
    assert ReceiptChain.objects.get(device=ada.device).broken == "gap"


def test_rewritten_chain(crowd: Crowd, ada: Peer, eve: Peer) -> None:
    """Another second document in the place of the one that was handed in."""
    eve.says(sent={ada.label: 5000})
    ada.says(got={eve.label: 1000})
    first = ada.head
    ada.says(got={eve.label: 1100})

    ada.head = first
    with pytest.raises(ReceiptsBrokenError):
        ada.says(got={eve.label: 5000})
    # And a third that continues the rewritten second.
    ada.head = Link(ada.chain, 2, b64u(bytes(32)))
    with pytest.raises(ReceiptsBrokenError):
        ada.says(got={eve.label: 5000})

    assert crowd.deliveries(ada) == {eve.user.pk: 1100}
    assert ReceiptChain.objects.get(device=ada.device).broken == "fork"


def test_an_old_chain_taken_up_again(crowd: Crowd, ada: Peer, eve: Peer) -> None:
    eve.says(sent={ada.label: 5000})
    ada.says(got={eve.label: 1000})
    left = ada.head
    ada.chain, ada.head = chain_id(1), None
    ada.says(got={eve.label: 1000})

    ada.chain, ada.head = "A" * 22, left
    with pytest.raises(ReceiptsBrokenError):
        ada.says(got={eve.label: 5000})

    assert crowd.deliveries(ada) == {eve.user.pk: 1000}


def test_new_chains_without_end(crowd: Crowd, ada: Peer) -> None:
    for number in range(CHAINS_A_DAY):
        ada.chain, ada.head = chain_id(number), None
        ada.says()

    ada.chain, ada.head = chain_id(CHAINS_A_DAY), None
    with pytest.raises(ReceiptsBrokenError):
        ada.says()

    assert ReceiptChain.objects.filter(device=ada.device).count() == CHAINS_A_DAY


def test_receipts_after_a_refund(crowd: Crowd, ada: Peer, eve: Peer) -> None:
    """Neither what is said after it nor what was said before earns any more."""
    crowd.deliver(eve, ada, 1000)
    order = Entitlement.objects.get(user=ada.user).order_id
    assert order is not None
    licensing.revoke(order_id=order, cause="refund:1", now=timezone.now())

    assert crowd.deliveries(ada) == {}
    assert ada.says(got={eve.label: 5000}).counted == 0
    assert Receipt.objects.get(receiver=ada.device).bytes == 1000


def test_what_was_said_after_a_refund_counts_for_no_later_purchase(
    crowd: Crowd, ada: Peer, eve: Peer
) -> None:
    ben_sent = {ada.label: 5000}
    eve.says(sent=ben_sent)
    order = Entitlement.objects.get(user=ada.user).order_id
    assert order is not None
    licensing.revoke(order_id=order, cause="refund:1", now=timezone.now())
    ada.says(got={eve.label: 5000})

    licensing.grant(
        user=ada.user,
        listing_id=crowd.listing.pk,
        package_id=crowd.package,
        order_id=uuid.uuid4(),
        rights={"play": True},
        kind="purchase",
        now=timezone.now(),
    )

    assert crowd.deliveries(ada) == {}


def test_label_of_a_removed_device(crowd: Crowd, ada: Peer, eve: Peer) -> None:
    """Eve's stolen phone is removed; its label goes on being used, in receipts and in claims."""
    phone = crowd.joins(user=eve.user)
    phone.says(sent={ada.label: 5000})
    accounts.remove_device(user=eve.user, device_id=phone.device.pk, now=timezone.now())

    assert ada.says(got={phone.label: 5000}, sent={phone.label: 5000}).counted == 0
    crowd.origin_sends(phone, 1000)

    assert crowd.deliveries(ada) == {}
    assert not Receipt.objects.exists()
    assert not Claim.objects.filter(receiver=phone.device).exists()


def test_more_than_the_size(crowd: Crowd, ada: Peer, eve: Peer) -> None:
    """Both lie: at most what was bought, once, can have arrived."""
    crowd.deliver(eve, ada, crowd.size * 1000)

    assert crowd.deliveries(ada) == {eve.user.pk: crowd.size}


def test_more_than_the_size_by_many_devices(crowd: Crowd, ada: Peer, eve: Peer) -> None:
    phone, tablet = crowd.joins(user=ada.user), crowd.joins(user=ada.user)

    for device in (ada, phone, tablet):
        device.says(got={eve.label: crowd.size})
    eve.says(sent={d.label: crowd.size for d in (ada, phone, tablet)})

    assert crowd.deliveries(ada) == {eve.user.pk: crowd.size}


@pytest.mark.parametrize("number", [-1, 0, -(2**53), 2**53, 2**63, 10**40, 1.5, "1000", None, True])
@pytest.mark.parametrize("side", ["receipts", "claims"])
def test_negative_and_huge_numbers(
    crowd: Crowd, ada: Peer, eve: Peer, number: object, side: str
) -> None:
    """Also as our own signing would never write them."""
    claims: dict[str, Any] = {
        "v": 1,
        "device": ada.device.thumbprint,
        "chain": ada.chain,
        "seq": 1,
        "prev": None,
        "iat": 0,
        "receipts": [],
        "claims": [],
    }
    claims[side] = [{"package": crowd.package, "label": eve.label, "bytes": number}]

    _refused(ada, _signed_as_it_is(ada, claims))


def test_the_largest_number_that_is_one_is_cut_to_the_size(
    crowd: Crowd, ada: Peer, eve: Peer
) -> None:
    ben = crowd.joins("ben")

    ada.says(got={eve.label: 2**53 - 1, ben.label: 2**53 - 1})
    for sender in (eve, ben):
        sender.says(sent={ada.label: 2**53 - 1})

    half = crowd.size // 2
    assert crowd.deliveries(ada) == {eve.user.pk: half, ben.user.pk: half}


def test_the_origins_bytes_claimed_by_a_buyer(crowd: Crowd, ada: Peer, eve: Peer) -> None:
    """Ada got all from the origin, and she and Eve say it was Eve."""
    crowd.origin_sends(ada, crowd.size)

    crowd.deliver(eve, ada, crowd.size)

    assert crowd.deliveries(ada) == {None: crowd.size}


def test_a_sender_who_never_bought(crowd: Crowd, ada: Peer) -> None:
    """Whoever has no copy has sent none."""
    mallory = crowd.joins("mallory", bought=False)

    crowd.deliver(mallory, ada, 1000)

    assert crowd.deliveries(ada) == {}


def test_a_receiver_who_never_paid(crowd: Crowd, ada: Peer, eve: Peer) -> None:
    """Nothing was bought, so nothing can be paid for its delivery: a loan, a transfer."""
    Entitlement.objects.filter(user=ada.user).update(order_id=None, kind="loan")

    crowd.deliver(eve, ada, 1000)

    assert crowd.deliveries(ada) == {}


def test_a_forged_past(crowd: Crowd, ada: Peer, eve: Peer) -> None:
    """What was heard after the moment that is asked about does not count at it."""
    crowd.deliver(eve, ada, 1000)

    earlier = timezone.now() - dt.timedelta(minutes=1)
    assert queries.deliveries(package_id=crowd.package, receiver_id=ada.user.pk, now=earlier) == ()


@pytest.mark.parametrize("side", ["got", "sent"])
def test_one_account_alone_fills_no_table(
    crowd: Crowd, ada: Peer, eve: Peer, monkeypatch: pytest.MonkeyPatch, side: str
) -> None:
    """Her second device begins anew again and again, and her first tells of each."""
    monkeypatch.setattr(receipts, "OWN", 3)
    phone = crowd.joins(user=ada.user)
    labels = [crowd.restarts(phone).label for _n in range(5)]

    first = ada.says(**{side: dict.fromkeys(labels[:2], 100)})
    second = ada.says(**{side: dict.fromkeys(labels, 200)})
    third = ada.says(**{side: {labels[4]: 300, eve.label: 300}})

    rows = Receipt.objects if side == "got" else Claim.objects
    assert (first.counted, second.counted, third.counted) == (2, 3, 1)
    assert sorted(rows.values_list("bytes", flat=True)) == [200, 200, 200, 300]


@pytest.mark.parametrize("side", ["got", "sent"])
def test_two_accounts_fill_no_table_in_a_day(
    crowd: Crowd, ada: Peer, eve: Peer, monkeypatch: pytest.MonkeyPatch, side: str
) -> None:
    monkeypatch.setattr(receipts, "NEW_A_DAY", 3)
    labels = [crowd.restarts(eve).label for _n in range(5)]

    first = ada.says(**{side: dict.fromkeys(labels, 100)})
    again = ada.says(**{side: dict.fromkeys(labels, 200)})
    rows = Receipt.objects if side == "got" else Claim.objects
    rows.update(heard_at=timezone.now() - dt.timedelta(days=1, seconds=1))
    tomorrow = ada.says(**{side: dict.fromkeys(labels, 300)})

    assert (first.counted, again.counted, tomorrow.counted) == (3, 3, 5)
    assert set(rows.values_list("bytes", flat=True)) == {300}
