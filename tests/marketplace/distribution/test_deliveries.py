"""What honest buyers deliver to each other counts, whole and once."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from marketplace.accounts import services as accounts
from marketplace.distribution import queries
from marketplace.distribution.labels import issue_label
from marketplace.distribution.models import Receipt, SeenNetwork
from marketplace.distribution.networks import PER_DEVICE, network_of, note_network
from marketplace.distribution.sharing_out import Arrivals, count_arrivals
from marketplace.licensing import services as licensing
from tests.marketplace.distribution.receipting import Crowd, chain_id
from tests.marketplace.trade import buy, make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def crowd() -> Crowd:
    return Crowd()


def test_each_sender_and_the_origin_have_their_part_the_largest_first(crowd: Crowd) -> None:
    ada, ben, eve = (crowd.joins(name) for name in ("ada", "ben", "eve"))

    crowd.deliver(ben, ada, 30_000)
    ada.says(got={eve.label: 40_000})
    eve.says(sent={ada.label: 40_000})
    crowd.origin_sends(ada, 50_000)

    assert list(crowd.deliveries(ada).items()) == [
        (eve.user.pk, 40_000),
        (ben.user.pk, 30_000),
        (None, 50_000),
    ]


def test_totals_grow_and_nothing_is_counted_twice(crowd: Crowd) -> None:
    ada, ben = crowd.joins("ada"), crowd.joins("ben")

    for total in (1000, 5000, 9000):
        crowd.deliver(ben, ada, total)

    assert crowd.deliveries(ada) == {ben.user.pk: 9000}


def test_a_total_that_grows_while_somebody_reckons_is_not_lost(crowd: Crowd) -> None:
    """A device tells of its peers every minute: the last word must not hide all before it."""
    ada, ben = crowd.joins("ada"), crowd.joins("ben")
    crowd.deliver(ben, ada, 1000)
    begun = timezone.now()
    crowd.deliver(ben, ada, 1500)

    found = queries.deliveries(package_id=crowd.package, receiver_id=ada.user.pk, now=begun)

    assert [(delivery.sender_id, delivery.bytes) for delivery in found] == [(ben.user.pk, 1500)]


def test_the_smaller_of_both_words_counts_for_each_pair_of_devices(crowd: Crowd) -> None:
    """What was cut off on the one side is missing there; another device makes up for nothing."""
    ada, ben = crowd.joins("ada"), crowd.joins("ben")
    bens_other = crowd.joins(user=ben.user)

    ada.says(got={ben.label: 9000, bens_other.label: 100})
    ben.says(sent={ada.label: 8000})
    bens_other.says(sent={ada.label: 5000})

    assert crowd.deliveries(ada) == {ben.user.pk: 8100}


def test_runs_under_several_labels_are_added_up(crowd: Crowd) -> None:
    ada, ben = crowd.joins("ada"), crowd.joins("ben")
    first = (ada.label, ben.label)
    ada.says(got={first[1]: 1000})
    ben.says(sent={first[0]: 1000})

    crowd.restarts(ada)
    crowd.restarts(ben)
    ada.says(got={ben.label: 500})
    ben.says(sent={ada.label: 500})

    assert crowd.deliveries(ada) == {ben.user.pk: 1500}


def test_two_buyers_behind_one_router_are_paid_by_others_and_not_by_each_other(
    crowd: Crowd,
) -> None:
    ada = crowd.joins("ada")
    ben = crowd.joins("ben", address="203.0.113.5")
    eve = crowd.joins("eve", address="203.0.113.5")

    ada.says(got={ben.label: 1000, eve.label: 2000})
    ben.says(got={eve.label: 700}, sent={ada.label: 1000})
    eve.says(sent={ada.label: 2000, ben.label: 700})

    assert crowd.deliveries(ada) == {ben.user.pk: 1000, eve.user.pk: 2000}
    assert crowd.deliveries(ben) == {}


def test_a_new_chain_after_a_loss_says_the_same_again(crowd: Crowd) -> None:
    """As after a backup was put back: the device counts on, and nothing is lost or doubled."""
    ada, ben = crowd.joins("ada"), crowd.joins("ben")
    crowd.deliver(ben, ada, 9000)

    ada.chain, ada.head = chain_id(1), None
    ada.says(got={ben.label: 4000})
    assert crowd.deliveries(ada) == {ben.user.pk: 9000}
    ada.says(got={ben.label: 9500})
    ben.says(sent={ada.label: 9500})

    assert crowd.deliveries(ada) == {ben.user.pk: 9500}


def test_what_was_delivered_before_a_device_was_removed_stays(crowd: Crowd) -> None:
    ada, ben = crowd.joins("ada"), crowd.joins("ben")
    crowd.deliver(ben, ada, 1000)

    accounts.remove_device(user=ben.user, device_id=ben.device.pk, now=timezone.now())

    assert crowd.deliveries(ada) == {ben.user.pk: 1000}


def test_what_comes_from_the_own_second_device_leaves_less_for_others(crowd: Crowd) -> None:
    """Half came over the own network, so the other half at most was anybody's delivery."""
    ada, ben = crowd.joins("ada"), crowd.joins("ben")
    phone = crowd.joins(user=ada.user)

    ada.says(got={phone.label: crowd.size, ben.label: crowd.size})
    for sender in (phone, ben):
        sender.says(sent={ada.label: crowd.size})

    assert crowd.deliveries(ada) == {ben.user.pk: crowd.size // 2}


def test_another_purchase_pays_for_another_delivery(crowd: Crowd) -> None:
    """As of a rental that is rented anew."""
    ada, ben = crowd.joins("ada"), crowd.joins("ben")
    crowd.deliver(ben, ada, crowd.size * 5)

    buy(ada.user, crowd.listing)

    assert crowd.deliveries(ada) == {ben.user.pk: crowd.size * 2}


def test_a_present_is_delivered_to_whoever_claimed_it(crowd: Crowd) -> None:
    giver, ben = make_person("giver"), crowd.joins("ben")
    present = licensing.give(
        user=giver,
        listing_id=crowd.listing.pk,
        package_id=crowd.package,
        order_id=uuid.uuid4(),
        rights={"play": True},
        now=timezone.now(),
    )
    ada = crowd.joins("ada", bought=False)
    licensing.claim(
        entitlement_id=present.pk, user=ada.user, source="present:1", now=timezone.now()
    )

    crowd.deliver(ben, ada, 1000)

    assert crowd.deliveries(ada) == {ben.user.pk: 1000}


def test_nobody_finds_another_package_in_it(crowd: Crowd) -> None:
    ada, ben = crowd.joins("ada"), crowd.joins("ben")
    other = Crowd()
    buy(ada.user, other.listing)
    buy(ben.user, other.listing)

    crowd.deliver(ben, ada, 1000)

    assert other.deliveries(ada) == {}


def test_labels_that_the_shop_never_gave_are_passed_over(crowd: Crowd) -> None:
    """A program that began while the shop was away runs under one of its own making."""
    ada, ben = crowd.joins("ada"), crowd.joins("ben")

    taken = ada.says(got={"x" * 20: 1000, ben.label: 500})

    assert taken.counted == 1
    assert Receipt.objects.get().label == ben.label


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.7", "198.51.100.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("::ffff:198.51.100.7", "198.51.100.0/24"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        (None, ""),
        ("unix", ""),
    ],
)
def test_networks(address: str | None, network: str) -> None:
    assert network_of(address) == network


def test_where_a_device_was_is_kept_as_its_network_alone(crowd: Crowd) -> None:
    ada = crowd.joins("ada", address="198.51.100.7")

    ada.says()
    ada.says()

    assert SeenNetwork.objects.get().network == "198.51.100.0/24"


def test_a_device_is_seen_as_soon_as_it_asks_for_a_label(crowd: Crowd) -> None:
    ada = crowd.joins("ada")

    issue_label(device=ada.device, now=timezone.now(), address="203.0.113.5")

    assert SeenNetwork.objects.filter(device=ada.device, network="203.0.113.0/24").exists()


def test_of_a_device_that_was_in_very_many_networks_the_latest_are_kept(crowd: Crowd) -> None:
    ada, now = crowd.joins("ada", address="198.51.100.7"), timezone.now()
    SeenNetwork.objects.bulk_create(
        SeenNetwork(device=ada.device, network=f"2001:db8:0:{n:x}::/64", seen_at=now)
        for n in range(PER_DEVICE - 1)
    )

    note_network(device_id=ada.device.pk, address="203.0.113.5", now=now + dt.timedelta(seconds=1))

    kept = set(SeenNetwork.objects.values_list("network", flat=True))
    assert len(kept) == PER_DEVICE
    assert "203.0.113.0/24" in kept
    assert "198.51.100.0/24" not in kept


@given(
    st.lists(
        st.tuples(st.integers(0, 2**60), st.dictionaries(st.integers(0, 4), st.integers(0, 2**60))),
        max_size=5,
    ),
    st.integers(1, 2**50),
)
def test_whatever_is_said_no_more_counts_than_was_bought(
    said: list[tuple[int, dict[int, int]]], most: int
) -> None:
    arrivals = [Arrivals(origin, senders) for origin, senders in said]

    origin, senders = count_arrivals(arrivals, most=most)

    assert origin + sum(senders.values()) <= most
    assert origin <= sum(a.origin for a in arrivals)
    assert all(part <= sum(a.senders.get(s, 0) for a in arrivals) for s, part in senders.items())
    if all(a.origin >= most for a in arrivals):
        assert sum(senders.values()) == 0
    if sum(a.origin + sum(a.senders.values()) for a in arrivals) <= most:
        assert origin == sum(a.origin for a in arrivals)
