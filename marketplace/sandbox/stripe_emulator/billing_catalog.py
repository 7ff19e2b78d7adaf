"""Customers, products and prices: what subscriptions are made of."""

from __future__ import annotations

from typing import Any

import stripe
from stripe.params import (
    CustomerCreateParams,
    CustomerListParams,
    CustomerRetrieveParams,
    PriceCreateParams,
    PriceListParams,
    PriceRetrieveParams,
    ProductCreateParams,
    ProductListParams,
    ProductRetrieveParams,
)

from marketplace.sandbox.stripe_emulator.currencies import MAXIMUM, check_currency
from marketplace.sandbox.stripe_emulator.errors import ApiError
from marketplace.sandbox.stripe_emulator.events import emit
from marketplace.sandbox.stripe_emulator.routing import readable, route
from marketplace.sandbox.stripe_emulator.shapes import fill
from marketplace.sandbox.stripe_emulator.tax import check_behavior
from marketplace.sandbox.stripe_emulator.world import World

__all__ = ["ROUTES", "create_customer", "create_price", "create_product"]

_CUSTOMER = frozenset({"description", "email", "metadata", "name", "preferred_locales"})
_PRODUCT = frozenset({"active", "description", "metadata", "name", "tax_code"})
_PRICE = frozenset(
    {"currency", "metadata", "nickname", "product", "product_data", "recurring", "tax_behavior",
     "unit_amount"}
)  # fmt: skip
INTERVALS = ("month", "year")


def create_customer(world: World, params: dict[str, Any]) -> dict[str, Any]:
    _refuse_unknown(params, _CUSTOMER)
    customer_id = world.new_id("cus_")
    customer = fill(
        stripe.Customer,
        id=customer_id,
        object="customer",
        balance=0,
        created=world.seconds(),
        delinquent=False,
        description=params.get("description"),
        email=params.get("email"),
        invoice_prefix=customer_id[-8:].upper(),
        invoice_settings=fill(stripe.Customer.InvoiceSettings),
        livemode=False,
        metadata=params.get("metadata") or {},
        name=params.get("name"),
        next_invoice_sequence=1,
        preferred_locales=params.get("preferred_locales") or [],
        tax_exempt="none",
    )
    for name in ("sources", "subscriptions", "tax", "tax_ids"):
        customer.pop(name)  # only when expanded
    world.store.put(customer)
    emit(world, "customer.created", customer)
    return customer


def create_product(world: World, params: dict[str, Any]) -> dict[str, Any]:
    _refuse_unknown(params, _PRODUCT)
    if not params["name"].strip():
        raise ApiError(
            "You passed an empty string for 'name'.", code="parameter_invalid_empty", param="name"
        )
    now = world.seconds()
    product = fill(
        stripe.Product,
        id=world.new_id("prod_"),
        object="product",
        active=params.get("active", True),
        created=now,
        description=params.get("description"),
        images=[],
        livemode=False,
        marketing_features=[],
        metadata=params.get("metadata") or {},
        name=params["name"],
        tax_code=params.get("tax_code"),
        type="service",
        updated=now,
    )
    world.store.put(product)
    emit(world, "product.created", product)
    return product


def create_price(world: World, params: dict[str, Any], *, active: bool = True) -> dict[str, Any]:
    """A price of a product; `recurring` makes it one of a subscription. Raises ApiError."""
    _refuse_unknown(params, _PRICE)
    currency = check_currency(params["currency"], param="currency")
    amount = params.get("unit_amount")
    if amount is None or not 0 <= amount <= MAXIMUM:
        raise ApiError("Invalid non-negative integer", param="unit_amount")
    if ("product" in params) == ("product_data" in params):
        raise ApiError("Exactly one of product and product_data must be given.", param="product")
    if "product" in params:
        product = world.get(params["product"], "product", param="product")
    else:
        product = create_product(world, params["product_data"])
    recurring = _recurring(params.get("recurring"))
    price = fill(
        stripe.Price,
        id=world.new_id("price_"),
        object="price",
        active=active,
        billing_scheme="per_unit",
        created=world.seconds(),
        currency=currency,
        livemode=False,
        metadata=params.get("metadata") or {},
        nickname=params.get("nickname"),
        product=product["id"],
        recurring=recurring,
        tax_behavior=check_behavior(params, param="tax_behavior"),
        type="one_time" if recurring is None else "recurring",
        unit_amount=amount,
        unit_amount_decimal=str(amount),
    )
    for name in ("currency_options", "tiers"):
        price.pop(name)  # only when expanded
    world.store.put(price)
    emit(world, "price.created", price)
    return price


def _recurring(given: dict[str, Any] | None) -> dict[str, Any] | None:
    if given is None:
        return None
    count = given.get("interval_count", 1)
    if given["interval"] not in INTERVALS or count != 1:
        raise ApiError(
            "The emulator has recurring prices of one month or one year alone.", param="recurring"
        )
    return fill(
        stripe.Price.Recurring,
        interval=given["interval"],
        interval_count=1,
        usage_type="licensed",
    )


def _refuse_unknown(params: dict[str, Any], known: frozenset[str]) -> None:
    for name in params.keys() - known:
        raise ApiError(f"The emulator does not know what {name} does.", param=name)


ROUTES = [
    route("POST", "/customers", CustomerCreateParams, lambda w, _, p: create_customer(w, p)),
    route("POST", "/products", ProductCreateParams, lambda w, _, p: create_product(w, p)),
    route("POST", "/prices", PriceCreateParams, lambda w, _, p: create_price(w, p)),
    *readable("/customers", "customer", CustomerRetrieveParams, CustomerListParams),
    *readable("/products", "product", ProductRetrieveParams, ProductListParams),
    *readable("/prices", "price", PriceRetrieveParams, PriceListParams),
]
