"""The ceremony of an offline root, by its command: what is asked, signed and taken in."""

from __future__ import annotations

import datetime as dt
import json
import os
import stat
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from drm.encoding import b64u, from_b64u
from drm.issuer import follow_roots, verify_issuer_certificate, verify_keyring
from drm.keys import IdentityKey, IdentityPublicKey
from marketplace.licensing import auditing, checkpoints
from marketplace.licensing.models import Licence
from marketplace.operations import checks
from marketplace.packaging import ceremony, root_file
from marketplace.packaging import services as packaging
from marketplace.packaging.errors import NoIssuerError, RootRefusedError
from marketplace.packaging.models import RootDocument, SigningKey
from marketplace.packaging.rotation import rotate_master_key
from tests.marketplace.licensing.test_audit import _issued
from tests.marketplace.trade import folders

__all__ = ["folders"]

pytestmark = pytest.mark.django_db

YEAR = dt.timedelta(days=365)
PASSPHRASE = "correct horse battery staple"


@pytest.fixture(autouse=True)
def passphrases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEOBUK_ROOT_PASSPHRASE", PASSPHRASE)
    monkeypatch.setenv("GEOBUK_NEW_ROOT_PASSPHRASE", PASSPHRASE)


def root(*arguments: object) -> str:
    out = StringIO()
    call_command("root", *map(str, arguments), stdout=out, no_color=True)
    return out.getvalue()


def present_root() -> IdentityPublicKey:
    row = packaging.current_root()
    assert row is not None
    return IdentityPublicKey.from_bytes(from_b64u(row.public_key))


def wiped(folder: Path) -> Path:
    """A shop that put its root into a file."""
    packaging.issuer()
    file = folder / "root.json"
    root("export", file, "--wipe", "--issuers", 2)
    return file


def asked(folder: Path, name: str = "request.json", *options: object) -> Path:
    root("request", folder / name, "--issuers", 2, *options)
    return folder / name


def changed(path: Path, **members: Any) -> Path:
    path.write_text(json.dumps(json.loads(path.read_text()) | members))
    return path


def test_a_root_goes_offline_and_the_shop_goes_on_for_years(tmp_path: Path) -> None:
    licence, _device = _issued()
    before = packaging.issuer()
    file = tmp_path / "root.json"

    assert "lies in" in root("export", file)
    with pytest.raises(CommandError, match="--wipe"):
        root("export", file)
    said = root("export", file, "--wipe", "--issuers", 3)

    assert "public part" in said
    assert "can be issued until" in said
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    row = SigningKey.objects.get(role="root")
    assert (bytes(row.wrapped), row.has_private) == (b"", False)
    kids = []
    now = timezone.now()
    for days in (0, 320, 630, 940):
        moment = now + dt.timedelta(days=days)
        issuer = packaging.issuer(now=moment)
        kids.append(issuer.kid)
        certificate = verify_issuer_certificate(issuer.certificate, root_public=present_root())
        certificate.require_issued_within(moment)
    assert kids[0] == before.kid
    assert len(set(kids)) == 4
    keyring = verify_keyring(packaging.keyring(), root_public=present_root())
    assert {certificate.kid for certificate in keyring.issuers} == set(kids)
    proof = checkpoints.checkpoint_proof_of(licence)
    assert proof is not None
    proof.verify_checkpoint(licence.jws, root_public=present_root())
    with pytest.raises(CommandError, match="offline already"):
        root("export", tmp_path / "again.json")


def test_without_a_certified_issuer_new_issues_end_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wiped(tmp_path)
    until = packaging.certified_until(now=timezone.now())
    assert until is not None

    packaging.warn_of_end(now=until - dt.timedelta(days=200))
    assert "root request" not in caplog.text
    packaging.warn_of_end(now=until - dt.timedelta(days=100))
    assert f"ends on {until.date()}" in caplog.text
    with pytest.raises(NoIssuerError, match="root request"):
        packaging.issuer(now=until + dt.timedelta(days=1))
    assert checks.issuers_are_certified_ahead() == []
    SigningKey.objects.filter(role="issuer").update(ends_at=timezone.now() + YEAR / 12)
    [warning] = checks.issuers_are_certified_ahead()
    assert (warning.id, "ends in 30 days" in warning.msg) == ("geobuk.W003", True)
    SigningKey.objects.filter(role="issuer").update(ends_at=timezone.now() - YEAR)
    assert [error.id for error in checks.issuers_are_certified_ahead()] == ["geobuk.E003"]
    root_key, certificates = packaging.shop_document_keys()
    assert root_key == b64u(present_root().to_bytes())
    assert len(certificates) == 3


def test_an_offline_root_does_not_stop_the_rotation_of_the_master_key(tmp_path: Path) -> None:
    wiped(tmp_path)

    rotate_master_key(say=lambda _text: None)
    packaging.finish_rotation(say=lambda _text: None)

    assert packaging.issuer().key.public.thumbprint == packaging.issuer().kid


def test_the_root_signs_what_the_shop_asks_and_the_shop_takes_it_in(tmp_path: Path) -> None:
    _issued()
    file = wiped(tmp_path)
    before = verify_keyring(packaging.keyring(), root_public=present_root())
    old = packaging.issuer().kid
    request = asked(tmp_path, "request.json", "--retire", old)
    answer = tmp_path / "answer.json"

    said = root("sign", file, request, answer, "--yes")

    assert "signs from" in said
    assert f"Issuer key {old} is retired since" in said
    assert "proved to continue the last checkpoint" in said
    assert "keyring 3" in root("accept", answer)
    after = verify_keyring(packaging.keyring(), root_public=present_root())
    assert after.sequence == before.sequence + 1
    assert len(after.issuers) == len(before.issuers) + 2
    assert set(after.retired) == {old}
    assert packaging.issuer().kid != old
    assert list(auditing.faults()) == []
    assert f"{old}: retired since" in root("status")
    with pytest.raises(CommandError, match="taken in before"):
        root("accept", answer)


def test_a_shop_begins_with_a_root_that_was_made_offline(tmp_path: Path) -> None:
    file, answer = tmp_path / "root.json", tmp_path / "answer.json"
    root("create", file)
    name = root_file.root_of_file(file).thumbprint
    request = asked(tmp_path)

    assert "becomes the root" in root("sign", file, request, answer, "--yes")
    assert name in root("accept", answer)

    assert packaging.current_root().kid == name  # type: ignore[union-attr]
    assert packaging.issuer().kid
    assert Licence.objects.count() == 0
    assert _issued()[0].jws


def test_the_root_is_changed_under_the_old_ones_signature(tmp_path: Path) -> None:
    licence, _device = _issued()
    file = wiped(tmp_path)
    pinned, issuer = present_root(), packaging.issuer()
    new, answer = tmp_path / "new.json", tmp_path / "answer.json"
    root("create", new)

    assert "From now on the root is" in root("change", file, new, asked(tmp_path), answer, "--yes")
    root("accept", answer)

    followed = follow_roots(packaging.root_changes(), pinned=pinned)
    assert followed == present_root() == root_file.root_of_file(new)
    keyring = verify_keyring(packaging.keyring(), root_public=followed)
    again = next(c for c in keyring.issuers if c.kid == issuer.kid)
    old = verify_issuer_certificate(issuer.certificate, root_public=pinned)
    assert (again.not_before, again.not_after) == (old.not_before, old.not_after)
    proof = checkpoints.checkpoint_proof_of(licence)
    assert proof is not None
    proof.verify_checkpoint(licence.jws, root_public=followed)
    assert list(auditing.faults()) == []


def test_a_stranger_root_is_refused(tmp_path: Path) -> None:
    _issued()
    file = wiped(tmp_path)
    request, answer = asked(tmp_path), tmp_path / "answer.json"
    stranger = IdentityKey.generate()
    wanted = ceremony.Request.from_json(request.read_bytes())

    other = ceremony.Request.from_json(
        changed(request, root="", certificates=[], checkpoint="").read_bytes()
    )
    answer.write_text(ceremony.sign_request(other, root=stranger, now=timezone.now()).to_json())

    with pytest.raises(CommandError, match="To change the root"):
        root("accept", answer)
    with pytest.raises(RootRefusedError, match="Take the file of that root"):
        ceremony.sign_request(wanted, root=stranger, now=timezone.now())
    assert present_root() == root_file.root_of_file(file)
    assert RootDocument.objects.filter(kind="keyring").count() == 2


def _answer(folder: Path, file: Path, **members: Any) -> Path:
    request = ceremony.Request.from_json(changed(asked(folder), **members).read_bytes())
    key = root_file.read_root(file, passphrase=PASSPHRASE)
    answer = folder / "answer.json"
    answer.write_text(ceremony.sign_request(request, root=key, now=timezone.now()).to_json())
    return answer


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ({"certificates": []}, "missing from the keyring"),
        (
            {"wanted": [{"key": IdentityKey(bytes(32)).public.jwk(), "nbf": 1, "exp": 2}]},
            "does not have",
        ),
        ({"sequence": 1}, "taken in before"),
        (
            {
                "log": {
                    "size": 1,
                    "root": b64u(bytes(32)),
                    "chain": b64u(bytes(32)),
                    "consistency": [],
                },
                "checkpoint": "",
            },
            "another log",
        ),
    ],
)
def test_an_answer_that_does_not_fit_the_shop_changes_nothing(
    tmp_path: Path, members: dict[str, Any], fault: str
) -> None:
    _issued()
    answer = _answer(tmp_path, wiped(tmp_path), **members)
    before = list(SigningKey.objects.order_by("kid").values_list("certificate", "retired_at"))

    with pytest.raises(CommandError, match=fault):
        root("accept", answer)

    assert (
        list(SigningKey.objects.order_by("kid").values_list("certificate", "retired_at")) == before
    )


def test_the_root_does_not_sign_a_log_that_was_rewritten(tmp_path: Path) -> None:
    _issued()
    file = wiped(tmp_path)
    log = {"size": 9, "root": b64u(bytes(32)), "chain": b64u(bytes(32)), "consistency": []}
    request = changed(asked(tmp_path), log=log)
    (tmp_path / "root.json.signed").unlink()  # as with a copy of the root's file alone

    with pytest.raises(CommandError, match="not a continuation"):
        root("sign", file, request, tmp_path / "answer.json", "--yes")


def test_the_machine_of_the_root_notices_a_lost_log_and_a_second_signature(tmp_path: Path) -> None:
    _issued()
    file = wiped(tmp_path)
    request = asked(tmp_path)
    root("sign", file, request, tmp_path / "answer.json", "--yes")

    with pytest.raises(CommandError, match="lines with !"):
        root("sign", file, request, tmp_path / "second.json", "--yes")
    again = ceremony.Request.from_json(request.read_bytes())
    assert root_file.numbered(file, again).sequence == again.sequence + 1
    read = ceremony.Request.from_json(changed(request, log=None, sequence=9).read_bytes())
    assert root_file.numbered(file, read).sequence == 9
    assert "lost some" in root_file.doubts_about(file, read)[0]


def test_a_root_that_was_tried_before_it_was_wiped_has_no_doubts_later(tmp_path: Path) -> None:
    _issued()
    file, answer = tmp_path / "root.json", tmp_path / "answer.json"
    root("export", file)
    root("sign", file, asked(tmp_path), answer, "--yes")
    root("accept", answer)
    root("export", file, "--wipe", "--issuers", 1)

    said = root("sign", file, asked(tmp_path, "next.json"), tmp_path / "later.json", "--yes")

    assert "!" not in said


def test_nothing_is_signed_where_nobody_can_be_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, answer = wiped(tmp_path), tmp_path / "answer.json"
    request = asked(tmp_path)
    monkeypatch.setattr("sys.stdin", StringIO())

    with pytest.raises(CommandError, match="nobody is here to answer"):
        root("sign", file, request, answer)

    assert not answer.exists()


def test_a_second_request_asks_for_the_same_keys(tmp_path: Path) -> None:
    wiped(tmp_path)

    first, second = asked(tmp_path, "a.json"), asked(tmp_path, "b.json")

    keys = [[w["key"] for w in json.loads(path.read_text())["wanted"]] for path in (first, second)]
    assert keys[0] == keys[1]
    assert "waits for the root" in root("status")


def test_nothing_is_written_over_and_a_wrong_passphrase_opens_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "root.json"
    root("create", file)
    whole = file.read_bytes()

    with pytest.raises(CommandError, match="never written over"):
        root("create", file)
    with pytest.raises(RootRefusedError, match="does not open"):
        root_file.read_root(file, passphrase="another passphrase")
    other = b64u(IdentityKey.generate().public.to_bytes())
    with pytest.raises(RootRefusedError, match="does not open"):
        root_file.read_root(changed(file, public=other), passphrase=PASSPHRASE)
    file.write_bytes(whole)
    assert PASSPHRASE.encode() not in whole
    monkeypatch.setenv("GEOBUK_ROOT_PASSPHRASE", "short")
    with pytest.raises(CommandError, match="12 characters"):
        root("create", tmp_path / "other.json")
    assert not (tmp_path / "other.json").exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"kind":"geobuk root answer","v":1}'])
def test_a_file_that_is_none_is_refused_in_a_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "file.json"
    path.write_text(text)

    with pytest.raises(CommandError, match=r"\.$"):
        root("accept", path)
    with pytest.raises(CommandError, match=r"\.$"):
        root("sign", path, path, tmp_path / "answer.json", "--yes")


def test_create_and_sign_ask_no_database(tmp_path: Path) -> None:
    wanted = ceremony.Request(
        shop="https://shop.example",
        made_at=timezone.now(),
        root="",
        sequence=1,
        change_sequence=1,
        certificates=(),
        retired={},
        wanted=(
            ceremony.Wanted(
                public=IdentityKey.generate().public,
                begins=timezone.now(),
                ends=timezone.now() + YEAR,
            ),
        ),
        log=None,
        checkpoint="",
    )
    (tmp_path / "request.json").write_text(wanted.to_json())
    environment = os.environ | {
        "GEOBUK_DATA": str(tmp_path / "data"),
        "DJANGO_SETTINGS_MODULE": "marketplace.config.settings.test",
        "GEOBUK_DATABASE_URL": "",
    }
    for arguments in (
        ["create", "root.json"],
        ["sign", "root.json", "request.json", "answer.json", "--yes"],
    ):
        subprocess.run(
            [sys.executable, str(Path(__file__).parents[3] / "manage.py"), "root", *arguments],
            cwd=tmp_path,
            env=environment,
            check=True,
            capture_output=True,
        )

    answer = ceremony.Answer.from_json((tmp_path / "answer.json").read_bytes())
    public = IdentityPublicKey.from_bytes(from_b64u(answer.root_key))
    assert (
        verify_keyring(answer.keyring, root_public=public).issuers[0].public
        == wanted.wanted[0].public
    )
    assert not list(tmp_path.rglob("*.sqlite3"))
