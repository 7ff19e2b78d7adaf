from __future__ import annotations

from django.urls import path

from marketplace.sandbox import views

app_name = "sandbox"

urlpatterns = [path("mail/", views.mailbox, name="mail")]
