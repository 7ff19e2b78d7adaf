"""The log as others see it: its public head, checkpoints, and what their check finds."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from django.db.models import QuerySet
from django.test import Client
from django.utils import timezone

from drm.audit import sign_checkpoint, sign_head, verify_checkpoint, verify_consistency, verify_head
from drm.encoding import from_b64u
from drm.keys import IdentityKey, IdentityPublicKey
from drm.signed import key_hint
from marketplace.accounts.models import User
from marketplace.licensing import auditing, services
from marketplace.licensing.models import AuditEntry, AuditHead, Licence
from marketplace.packaging import keyrings
from marketplace.packaging import services as packaging
from marketplace.packaging.custody import open_identity_row
from marketplace.packaging.models import RootDocument, SigningKey
from tests.marketplace.licensing.test_audit import _issued, _sql

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


def _root() -> IdentityPublicKey:
    return IdentityPublicKey.from_bytes(from_b64u(packaging.shop_document_keys()[0]))


def _head(client: Client, **query: Any) -> Any:
    return client.get("/api/v1/audit/head", query).json()


def _grown(at: dt.datetime) -> None:
    """A new entry, and a head over it."""
    auditing.record(kind="restored", body={"entitlement": "x"}, now=at)
    auditing.sign_log(now=at)


def test_the_head_is_public_and_shows_that_the_log_only_grew(client: Client) -> None:
    assert _head(client) == dict.fromkeys(
        ["head", "checkpoint", "consistency", "checkpoint_consistency"]
    )
    _issued()
    now = timezone.now()
    auditing.sign_log(now=now)
    issuer = packaging.issuer().key.public
    before = verify_head(_head(client)["head"], issuer_public=issuer)
    _grown(now + DAY)

    answer = _head(client, **{"from": before.tree_size})

    head = verify_head(answer["head"], issuer_public=issuer)
    assert (before.tree_size, head.tree_size) == (2, 3)
    verify_consistency(
        old_size=before.tree_size,
        old_root=before.root,
        new_size=head.tree_size,
        new_root=head.root,
        path=[from_b64u(step) for step in answer["consistency"]],
    )
    checkpoint = verify_checkpoint(answer["checkpoint"], root_public=_root())
    assert (checkpoint.tree_size, checkpoint.root) == (head.tree_size, head.root)
    assert answer["checkpoint_consistency"] == []


def test_a_size_that_was_never_signed_has_no_path(client: Client) -> None:
    _issued()
    auditing.sign_log(now=timezone.now())

    assert client.get("/api/v1/audit/head", {"from": 1}).status_code == 404
    assert client.get("/api/v1/audit/head", {"from": 99}).status_code == 404
    for wrong in ("0", "-1", "x", str(2**60)):
        assert client.get("/api/v1/audit/head", {"from": wrong}).status_code == 422


def test_the_shop_document_shows_the_keyring_and_heals_a_shop_without_one(client: Client) -> None:
    packaging.issuer()
    _sql("DELETE FROM packaging_rootdocument")

    document = client.get("/.well-known/geobuk.json").json()

    assert document["keyring"] == packaging.keyring()
    assert document["root_changes"] == []
    assert client.get("/.well-known/geobuk.json").json() == document


def test_a_head_from_outside_its_certificate_is_found() -> None:
    _issued()
    issuer, entry = packaging.issuer(), AuditEntry.objects.get(index=1)
    auditing.sign_log(now=timezone.now())
    head = AuditHead.objects.get()
    late = sign_head(
        issuer=issuer.key,
        kid=issuer.kid,
        tree_size=2,
        root=from_b64u(head.root),
        chain=from_b64u(entry.chain),
        now=timezone.now() + 500 * DAY,
    )
    QuerySet(AuditHead).update(jws=late)

    [fault] = auditing.faults()
    assert "outside the time" in fault


def test_a_checkpoint_over_another_log_is_found() -> None:
    _issued()
    auditing.sign_log(now=timezone.now())
    assert list(auditing.faults()) == []
    row = SigningKey.objects.get(role="root")
    root = open_identity_row(row)
    now = timezone.now()
    other = sign_checkpoint(shop_root=root, tree_size=1, root=bytes(32), chain=bytes(32), now=now)
    beyond = sign_checkpoint(shop_root=root, tree_size=9, root=bytes(32), chain=bytes(32), now=now)
    stranger = sign_checkpoint(
        shop_root=IdentityKey.generate(), tree_size=2, root=bytes(32), chain=bytes(32), now=now
    )
    kind = RootDocument.Kind.CHECKPOINT
    keyrings.keep(kind, other, root=row.kid, sequence=1, now=now)
    keyrings.keep(kind, beyond, root=row.kid, sequence=9, now=now)
    QuerySet(RootDocument).filter(kind=kind, sequence=2).update(jws=stranger)

    found = sorted(auditing.faults())

    assert [fault.split(" ")[1] for fault in found] == ["1", "2", "9"]
    assert "other entries" in found[0]
    assert "not signed by a root" in found[1]
    assert "missing" in found[2]


def test_a_device_that_asks_again_gets_a_licence_of_todays_issuer() -> None:
    licence, device = _issued()
    before, package = licence.jws, licence.entitlement.package_id

    def ask(at: dt.datetime) -> Licence:
        return services.licence_for(user=device.user, device=device, package_id=package, now=at)

    assert ask(timezone.now() + 300 * DAY).jws == before
    later = timezone.now() + 320 * DAY
    packaging.issuer(now=later)  # the roll-over
    again = ask(later)

    assert again.pk == licence.pk
    assert key_hint(again.jws) != key_hint(before)
    assert list(auditing.faults()) == []
    assert ask(later).jws == again.jws


def test_the_operator_reads_the_log_and_changes_nothing(client: Client) -> None:
    licence, _device = _issued()
    auditing.sign_log(now=timezone.now())
    client.force_login(User.objects.create_superuser("root@example.org", "pw"))

    for model, pk in (("auditentry", 1), ("audithead", 2)):
        listing = client.get(f"/admin/licensing/{model}/")
        assert listing.status_code == 200
        assert client.get(f"/admin/licensing/{model}/{pk}/change/").status_code == 200
        assert client.get(f"/admin/licensing/{model}/add/").status_code == 403
        assert client.post(f"/admin/licensing/{model}/{pk}/change/", {}).status_code == 403
        assert client.post(f"/admin/licensing/{model}/{pk}/delete/", {}).status_code == 403
    found = client.get("/admin/licensing/auditentry/", {"q": str(licence.pk)}).content.decode()
    assert json.loads(AuditEntry.objects.get(index=1).body)["hash"] in found
    assert "root request" not in client.get("/admin/licensing/audithead/").content.decode()
    SigningKey.objects.filter(role="root").update(has_private=False)
    SigningKey.objects.filter(role="issuer").update(ends_at=timezone.now() + DAY)
    assert "root request" in client.get("/admin/licensing/audithead/").content.decode()
