from __future__ import annotations

from django.urls import path

from marketplace.earnings import credit_views, delivery_views, payout_views, views

__all__ = ["app_name", "urlpatterns"]

app_name = "earnings"

urlpatterns = [
    path("studio/get-paid/", payout_views.get_paid, name="get_paid"),
    path("studio/get-paid/bank/", payout_views.bank, name="bank"),
    path("studio/get-paid/stripe/", payout_views.at_stripe, name="at_stripe"),
    path("studio/get-paid/back/", payout_views.back_from_stripe, name="back_from_stripe"),
    path("studio/earnings/", views.balance, name="balance"),
    path("studio/earnings/delivery/", delivery_views.pools_page, name="pools"),
    path("credit/", credit_views.credit_page, name="credit"),
    path("credit/deliveries/", delivery_views.deliveries_page, name="deliveries"),
    path("studio/earnings/statement/", views.statement_page, name="statement"),
    path("studio/earnings/statement.csv", views.statement_file, name="statement_file"),
]
