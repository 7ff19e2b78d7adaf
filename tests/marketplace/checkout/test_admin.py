from __future__ import annotations

import pytest
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.checkout import services
from marketplace.orders.models import Order
from marketplace.payments.models import Payment, Refund, StripeEvent
from tests.marketplace.checkout.shopping import bought, client_of, deliver
from tests.marketplace.stripe_fixtures import Emulator
from tests.marketplace.trade import make_person, sell

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_operator_reads_everything_and_changes_nothing(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing)
    deliver(stripe.events("checkout.session.completed")[-1])
    client = client_of(User.objects.create_superuser("op@example.org", "x"))

    offered = client.get(f"/admin/orders/order/{order.pk}/change/").content.decode()
    services.refund_order(order_id=order.pk, by=listing.seller, reason="", now=timezone.now())

    assert f"/studio/sales/{order.pk}/refund/" in offered
    for model in (Order, Payment, Refund, StripeEvent):
        base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        row = model._default_manager.get()
        assert client.get(base).status_code == 200
        assert client.get(f"{base}?q=x").status_code == 200
        assert client.get(f"{base}{row.pk}/change/").status_code == 200
        assert client.get(f"{base}add/").status_code == 403
        assert client.post(f"{base}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    client.post(f"/admin/orders/order/{order.pk}/change/", {"state": "pending", "price_minor": 1})
    order.refresh_from_db()
    assert (order.state, order.price_minor) == ("refunded", 9_900)
