"""The operator's part: shares for trustees, the activation, and the secret in custody."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from drm.encoding import b64u, from_b64u
from drm.issuer import find_issuer
from drm.keys import IdentityPublicKey
from drm.shares import combine
from drm.unlock import read_activation
from marketplace.continuity import queries
from marketplace.continuity.checks import trustees_hold_shares
from marketplace.continuity.models import ActivationKey, ShareSet
from marketplace.continuity.secret import activation_secret
from marketplace.licensing.models import AuditEntry
from marketplace.packaging import services as packaging

pytestmark = pytest.mark.django_db


def _run(*arguments: Any) -> str:
    out = io.StringIO()
    call_command("continuity", *map(str, arguments), stdout=out)
    return out.getvalue()


def _prepared(folder: Path, *, trustees: int = 5, threshold: int = 3) -> list[dict[str, Any]]:
    _run("prepare", "--trustees", trustees, "--threshold", threshold, "--out", folder)
    return [json.loads(path.read_text()) for path in sorted(folder.iterdir())]


def test_three_of_five_trustees_have_the_secret_and_the_shop_keeps_no_share(
    tmp_path: Path,
) -> None:
    files = _prepared(tmp_path / "shares")

    assert len(files) == 5
    for path in (tmp_path / "shares").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
    root = IdentityPublicKey.from_bytes(packaging_root())
    signer = find_issuer(files[0]["share"], files[0]["issuers"], root_public=root).public
    secret = combine(
        [files[4]["share"], files[0]["share"], files[2]["share"]],
        signer_public=signer,
        commitment=None,
    )
    assert secret == activation_secret(now=timezone.now())
    assert b64u(secret.commitment) == ActivationKey.objects.get().commitment
    assert str(ShareSet.objects.get()) == "3 of 5"
    assert "3 of 5" in _run("status")


def packaging_root() -> bytes:
    return from_b64u(packaging.shop_document_keys()[0])


@pytest.mark.parametrize(("trustees", "threshold"), [(3, 4), (3, 1), (300, 2)])
def test_numbers_that_make_no_sense_write_nothing(
    tmp_path: Path, trustees: int, threshold: int
) -> None:
    with pytest.raises(CommandError, match="at least 2"):
        _prepared(tmp_path / "shares", trustees=trustees, threshold=threshold)

    assert not (tmp_path / "shares").exists()
    assert not ShareSet.objects.exists()


def test_no_share_is_written_over(tmp_path: Path) -> None:
    _prepared(tmp_path / "shares")

    with pytest.raises(CommandError, match="not empty"):
        _prepared(tmp_path / "shares")

    assert ShareSet.objects.count() == 1


def test_a_shop_without_trustees_is_warned(tmp_path: Path) -> None:
    [warning] = trustees_hold_shares()
    assert warning.id == "geobuk.W004"

    _prepared(tmp_path / "shares")

    assert trustees_hold_shares() == []


def test_the_activation_asks_for_the_shops_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "activation.json"
    monkeypatch.setattr("builtins.input", lambda _prompt: "Another")
    with pytest.raises(CommandError, match="another name"):
        _run("activate", "--out", target)
    assert not target.exists()
    assert queries.readiness(now=timezone.now()).activated_at is None

    monkeypatch.setattr("builtins.input", lambda _prompt: "Geobuk")
    _run("activate", "--out", target)

    activation = read_activation(target.read_bytes())
    assert activation.secret == activation_secret(now=timezone.now())
    assert activation.root_public.to_bytes() == packaging_root()
    assert target.stat().st_mode & 0o777 == 0o600
    assert queries.readiness(now=timezone.now()).activated_at is not None
    assert AuditEntry.objects.filter(body__contains='"kind":"activated"').count() == 1
    with pytest.raises(CommandError, match="there already"):
        _run("activate", "--out", target)


def test_the_secret_comes_under_a_new_master_key() -> None:
    before = activation_secret(now=timezone.now())
    wrapped = bytes(ActivationKey.objects.get().wrapped)

    packaging.rotate_master_key(say=lambda _line: None)
    packaging.finish_rotation(say=lambda _line: None)

    assert bytes(ActivationKey.objects.get().wrapped) != wrapped
    assert activation_secret(now=timezone.now()) == before
    assert before.to_bytes() not in wrapped
