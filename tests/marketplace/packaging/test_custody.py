from __future__ import annotations

import datetime as dt
import logging
from pathlib import Path

import pytest
from django.utils import timezone

from drm.custody import MasterKey
from drm.encoding import from_b64u
from drm.issuer import verify_issuer_certificate
from drm.keys import ContentKey, IdentityPublicKey
from marketplace.packaging import custody, services
from marketplace.packaging.errors import CustodyError
from marketplace.packaging.models import SigningKey

pytestmark = pytest.mark.django_db


def test_the_master_key_is_made_once_and_only_its_owner_reads_it() -> None:
    first = custody.master_key()
    second = custody.master_key()

    assert first == second
    assert custody.master_key_path().stat().st_mode & 0o777 == 0o600


def test_the_master_key_of_the_environment_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEOBUK_MASTER_KEY", "ab" * 32)

    assert custody.master_key() == MasterKey(b"\xab" * 32)
    assert not custody.master_key_path().exists()


@pytest.mark.parametrize("text", ["ab" * 31, "ab" * 33, "zz" * 32, "a key"])
def test_a_malformed_master_key_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEOBUK_MASTER_KEY", text)

    with pytest.raises(CustodyError, match="64 hexadecimal digits"):
        custody.master_key()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_master_key_that_others_can_read_is_refused(mode: int) -> None:
    custody.master_key()
    path = custody.master_key_path()
    path.chmod(mode)

    with pytest.raises(CustodyError, match="chmod 600"):
        custody.master_key()


def test_a_lost_master_key_is_not_replaced_by_a_new_one() -> None:
    services.issuer()
    custody.master_key_path().unlink()

    with pytest.raises(CustodyError, match="missing"):
        services.issuer()
    assert not custody.master_key_path().exists()


def test_another_master_key_does_not_open_what_is_in_custody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    services.issuer()
    monkeypatch.setenv("GEOBUK_MASTER_KEY", "cd" * 32)

    with pytest.raises(CustodyError, match="belong together"):
        services.issuer()


def test_wrapped_keys_that_were_swapped_do_not_open() -> None:
    key, other = ContentKey.generate(), ContentKey.generate()
    seal, other_seal = "0" * 32, "1" * 32
    wrapped = custody.wrap_content_key(key, seal_id=seal)
    custody.wrap_content_key(other, seal_id=other_seal)

    assert custody.open_content_key(wrapped, seal_id=seal) == key
    with pytest.raises(CustodyError):
        custody.open_content_key(wrapped, seal_id=other_seal)


def test_the_issuer_is_made_once_and_the_root_vouches_for_it() -> None:
    now = timezone.now()

    first, second = services.issuer(now=now), services.issuer(now=now)
    root_key, certificates = services.shop_document_keys()

    assert first == second
    root = IdentityPublicKey.from_bytes(from_b64u(root_key))
    assert certificates == [first.certificate]
    certificate = verify_issuer_certificate(first.certificate, root_public=root)
    assert certificate.kid == first.kid == first.key.public.thumbprint
    assert certificate.not_before < now < certificate.not_after
    assert SigningKey.objects.count() == 2


def test_the_issuer_is_replaced_before_its_certificate_ends_and_stays_known() -> None:
    now = timezone.now()
    first = services.issuer(now=now)

    same = services.issuer(now=now + dt.timedelta(days=300))
    second = services.issuer(now=now + dt.timedelta(days=320))
    root_before, _ = services.shop_document_keys()
    root_after, certificates = services.shop_document_keys()

    assert same.kid == first.kid != second.kid
    assert certificates == [second.certificate, first.certificate]
    assert root_before == root_after
    current = SigningKey.objects.filter(role="issuer", retired_at__isnull=True)
    assert [row.kid for row in current] == [second.kid]


def test_secrets_do_not_show(caplog: pytest.LogCaptureFixture, folders: Path) -> None:
    with caplog.at_level(logging.DEBUG):
        issuer = services.issuer()
    seed = issuer.key.to_bytes()

    for shown in (repr(issuer), str(issuer), repr(issuer.key), caplog.text):
        assert seed.hex() not in shown
        assert repr(seed) not in shown
    assert custody.master_key().to_bytes().hex() not in caplog.text
    assert all(bytes(row.wrapped).find(seed) == -1 for row in SigningKey.objects.all())
