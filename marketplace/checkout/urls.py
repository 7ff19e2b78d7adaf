from __future__ import annotations

from django.urls import path

from marketplace.checkout import (
    bundle_views,
    cart_views,
    dispute_views,
    gift_views,
    receipt_views,
    sale_views,
    subscription_views,
    views,
    webhooks,
    withdraw_views,
)

__all__ = ["app_name", "urlpatterns"]

app_name = "checkout"

urlpatterns = [
    path("cart/", cart_views.cart, name="cart"),
    path("cart/badge/", cart_views.badge, name="cart_badge"),
    path("cart/add/<uuid:listing_id>/", cart_views.add, name="cart_add"),
    path("cart/agree/", cart_views.agree, name="cart_agree"),
    path("cart/offer/", cart_views.offer, name="cart_offer"),
    path("cart/remove/", cart_views.remove, name="cart_remove"),
    path("cart/pay/", cart_views.pay, name="cart_pay"),
    path("gift/<uuid:listing_id>/", gift_views.gift, name="gift"),
    path("buy/<uuid:listing_id>/", views.buy, name="buy"),
    path("bundles/<uuid:bundle_id>/", bundle_views.bundle, name="bundle"),
    path("bundles/<uuid:bundle_id>/buy/", bundle_views.buy_bundle, name="buy_bundle"),
    path("bills/<uuid:bill_id>/", views.bill, name="bill"),
    path("orders/<uuid:order_id>/", views.order, name="order"),
    path("bills/<uuid:bill_id>/receipt.pdf", receipt_views.bill_receipt, name="bill_receipt"),
    path("orders/<uuid:order_id>/withdraw/", withdraw_views.withdraw, name="withdraw"),
    path("orders/<uuid:order_id>/receipt.pdf", receipt_views.order_receipt, name="order_receipt"),
    path("subscribe/<uuid:listing_id>/", subscription_views.subscribe, name="subscribe"),
    path("subscriptions/", subscription_views.subscriptions, name="subscriptions"),
    path("subscriptions/<uuid:order_id>/", subscription_views.subscription, name="subscription"),
    path(
        "subscriptions/<uuid:order_id>/cancel/",
        subscription_views.cancel,
        name="subscription_cancel",
    ),
    path("subscriptions/<uuid:order_id>/keep/", subscription_views.keep, name="subscription_keep"),
    path("subscriptions/<uuid:order_id>/pay/", subscription_views.pay, name="subscription_pay"),
    path("studio/sales/", sale_views.sales, name="sales"),
    path("studio/sales/<uuid:order_id>/refund/", sale_views.refund, name="refund"),
    path("studio/disputes/", dispute_views.disputes, name="disputes"),
    path("studio/disputes/<uuid:dispute_id>/", dispute_views.dispute, name="dispute"),
    path(
        "studio/disputes/<uuid:dispute_id>/files/",
        dispute_views.evidence,
        name="dispute_evidence",
    ),
    path("webhooks/stripe/", webhooks.stripe_webhook, name="stripe_webhook"),
]
