from __future__ import annotations

from django.urls import path

from marketplace.earnings import credit_views, views

__all__ = ["app_name", "urlpatterns"]

app_name = "earnings"

urlpatterns = [
    path("studio/earnings/", views.balance, name="balance"),
    path("credit/", credit_views.credit_page, name="credit"),
    path("studio/earnings/statement/", views.statement_page, name="statement"),
    path("studio/earnings/statement.csv", views.statement_file, name="statement_file"),
]
