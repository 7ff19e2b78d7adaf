"""The vectors of docs/format-v1.md, section 11: drm's answer to each is the one that it names."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import pytest
from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa
from cryptography.hazmat.primitives import hpke as other
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from drm.encoding import from_b64u
from drm.keys import ContentKey
from drm.manifest import associated_data
from tests.drm.tinkery import tink_streams
from tests.vectors import make
from tests.vectors.checks import CHECKS, judge, seal_again
from tests.vectors.tools import FOLDER, vectors

Case = dict[str, Any]
CASES = vectors()


def of_kind(kind: str) -> list[Any]:
    return [
        pytest.param(case, id=name)
        for name, case in CASES.items()
        if case["kind"] == kind and case["outcome"] == "ok"
    ]


def test_there_are_vectors_of_every_kind() -> None:
    assert {case["kind"] for case in CASES.values()} == set(CHECKS)
    assert sum(case["outcome"] == "ok" for case in CASES.values()) >= 200
    assert sum(case["outcome"] != "ok" for case in CASES.values()) >= 650


@pytest.mark.parametrize("name", CASES)
def test_vector(name: str) -> None:
    assert judge(CASES[name]) == CASES[name]["outcome"]


def test_they_are_made_the_same_each_time(tmp_path: Path) -> None:
    folder = tmp_path / "vectors"
    given = [path.name for path in FOLDER.glob("*.json")]
    (folder / "more").mkdir(parents=True)
    for name in [*given, *(f"more/{group}.json" for group in make.GIVEN)]:
        shutil.copy(FOLDER / name, folder / name)

    make.main(folder)

    for path in sorted(FOLDER.rglob("*.json")):
        assert (folder / path.relative_to(FOLDER)).read_bytes() == path.read_bytes(), path.name
    assert {path.stem for path in (FOLDER / "more").iterdir()} == {*make.GIVEN, *make.GROUPS}


@pytest.mark.parametrize("case", of_kind("sealing"))
def test_tink_opens_what_we_seal(case: Case) -> None:
    ad = associated_data(case["seal_id"], case["index"])
    plain = bytes(i % 251 for i in range(case["plain_size"]))
    salt, prefix = from_b64u(case["salt"]), from_b64u(case["prefix"])
    cipher = seal_again(plain, ContentKey(from_b64u(case["key"])), ad, salt=salt, prefix=prefix)

    with tink_streams().new_decrypting_stream(io.BytesIO(cipher), ad) as stream:
        assert stream.read() == plain


@pytest.mark.parametrize("case", of_kind("ed25519"))
def test_the_other_library_agrees_on_rfc_8032(case: Case) -> None:
    private = eddsa.import_private_key(from_b64u(case["seed"]))

    signature = eddsa.new(private, "rfc8032").sign(from_b64u(case["message"]))

    assert signature == from_b64u(case["signature"])
    assert private.public_key().export_key(format="raw") == from_b64u(case["public"])
    public = ECC.import_key(private.public_key().export_key(format="DER"))
    eddsa.new(public, "rfc8032").verify(from_b64u(case["message"]), signature)


@pytest.mark.parametrize("case", of_kind("hpke"))
def test_the_other_library_agrees_on_rfc_9180(case: Case) -> None:
    suite = other.Suite(other.KEM.X25519, other.KDF.HKDF_SHA256, other.AEAD.AES_256_GCM)
    private = X25519PrivateKey.from_private_bytes(from_b64u(case["private"]))
    message = from_b64u(case["enc"]) + from_b64u(case["ct"])

    assert suite.decrypt(message, private, info=from_b64u(case["info"])) == from_b64u(case["plain"])
