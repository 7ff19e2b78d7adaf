"""The account's page, and the three routes of the API."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from django.test import Client
from django.utils import timezone

from marketplace.continuity import queries, services
from marketplace.continuity.models import RecoveryKey
from tests.marketplace.api.calling import call
from tests.marketplace.continuity.paper import PAPER, public_parts, read
from tests.marketplace.trade import buy, log_in_device, make_person, sell

pytestmark = pytest.mark.django_db


def test_a_seeder_registers_the_paper_fetches_its_document_and_removes_it() -> None:
    ada = make_person()
    buy(ada, sell())
    desk = log_in_device(ada)

    put = call(desk, "PUT", "/api/v1/recovery-key", body=asdict(public_parts()))
    answer = call(desk, "GET", "/api/v1/unlock").json()
    gone = call(desk, "DELETE", "/api/v1/recovery-key")

    assert (put.status_code, put.json()) == (200, {"recipient": PAPER.identity.public.thumbprint})
    documents = {entry["recipient"]: entry["unlock"] for entry in answer["documents"]}
    assert len(read(documents[PAPER.identity.public.thumbprint]).grants) == 1
    assert len(read(documents[desk.identity.public.thumbprint]).grants) == 1
    assert gone.status_code == 204
    assert queries.recovery_key_of(ada) is None
    again = call(desk, "DELETE", "/api/v1/recovery-key")
    assert (again.status_code, again.json()["code"]) == (404, "recovery_key_not_found")


def test_another_accounts_documents_are_not_there() -> None:
    ada, eve = make_person("ada"), make_person("eve")
    buy(ada, sell())
    services.register_recovery_key(user=ada, keys=public_parts(), now=timezone.now())

    [document] = call(log_in_device(eve), "GET", "/api/v1/unlock").json()["documents"]

    assert read(document["unlock"]).grants == ()


def test_a_forged_key_is_a_sentence() -> None:
    desk = log_in_device(make_person())

    answer = call(
        desk, "PUT", "/api/v1/recovery-key", body=asdict(public_parts(sealing_key="A" * 43))
    )

    assert (answer.status_code, answer.json()["code"]) == (422, "recovery_key")
    assert not RecoveryKey.objects.exists()


def test_the_page_tells_how_to_make_a_key_and_how_to_remove_it(client: Client) -> None:
    ada = make_person()
    client.force_login(ada)

    before = client.get("/accounts/recovery/").content.decode()
    services.register_recovery_key(user=ada, keys=public_parts(), now=timezone.now())
    after = client.get("/accounts/recovery/").content.decode()
    asked = client.get("/accounts/recovery/remove/").content.decode()
    asked_only = queries.recovery_key_of(ada)
    gone = client.post("/accounts/recovery/remove/", follow=True)

    assert "geobuk recovery create" in before
    assert "geobuk recover KIT" in before
    assert "Remove the recovery key" in after
    assert "geobuk recovery kit" in after
    assert "<form" in asked
    assert "Destroy the paper" in asked
    assert asked_only is not None
    assert client.get("/accounts/recovery/remove/")["Location"] == "/accounts/recovery/"
    assert "The recovery key is removed." in gone.content.decode()
    assert queries.recovery_key_of(ada) is None
