"""Certificates of closed swarms, judged by OpenSSL as libtorrent's peers judge them."""

from __future__ import annotations

import base64
import datetime as dt
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from drm.errors import AuthenticationError, FormatError
from drm.keys import IdentityKey
from drm.swarm_authority import (
    MemberKey,
    create_authority,
    issue_certificate,
    read_certificate,
)

PACKAGE = "9f" * 32
NOW = dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def openssl_takes(tmp_path: Path, authority: str, certificate: str, *, at: dt.datetime) -> bool:
    openssl = shutil.which("openssl")
    assert openssl is not None, "openssl is not installed: apt-get install openssl"
    (tmp_path / "authority.pem").write_text(authority)
    (tmp_path / "member.pem").write_text(certificate)
    done = subprocess.run(
        [openssl, "verify", "-CAfile", "authority.pem", "-attime", str(int(at.timestamp())),
         "-purpose", "sslclient", "-x509_strict", "member.pem"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode == 0


@pytest.mark.parametrize(
    ("at", "good"),
    [
        (NOW, True),
        (NOW - dt.timedelta(minutes=50), True),  # a peer whose clock is behind
        (NOW + dt.timedelta(minutes=59), True),
        (NOW + dt.timedelta(minutes=61), False),
    ],
)
def test_a_certificate_is_good_for_an_hour(tmp_path: Path, at: dt.datetime, good: bool) -> None:
    key = IdentityKey.generate()
    authority = create_authority(key, package_id=PACKAGE, now=NOW)
    issued = issue_certificate(
        MemberKey().request(), key=key, package_id=PACKAGE, now=NOW, lifetime=HOUR
    )

    assert issued.expires_at == NOW + HOUR
    assert read_certificate(issued.pem) == issued
    assert openssl_takes(tmp_path, authority, issued.pem, at=at) is good


def test_another_packages_certificate_is_refused(tmp_path: Path) -> None:
    ours, theirs = IdentityKey.generate(), IdentityKey.generate()
    authority = create_authority(ours, package_id=PACKAGE, now=NOW)
    # The same names, another key: what a forger can make.
    forged = issue_certificate(
        MemberKey().request(), key=theirs, package_id=PACKAGE, now=NOW, lifetime=HOUR
    )

    assert not openssl_takes(tmp_path, authority, forged.pem, at=NOW)


def test_a_certificate_names_its_package_and_signs_no_others(tmp_path: Path) -> None:
    key = IdentityKey.generate()
    issued = issue_certificate(
        MemberKey().request(), key=key, package_id=PACKAGE, now=NOW, lifetime=HOUR
    )

    read = x509.load_pem_x509_certificate(issued.pem.encode())
    names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [PACKAGE, "00000"]
    assert not read.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    authority = x509.load_pem_x509_certificate(
        create_authority(key, package_id=PACKAGE, now=NOW).encode()
    )
    limits = authority.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (limits.ca, limits.path_length) == (True, 0)
    assert authority.not_valid_after_utc - NOW > dt.timedelta(days=49 * 365)


def test_nothing_of_a_request_is_believed_but_its_key() -> None:
    """A star certificate would open every swarm under its authority."""
    key, member = IdentityKey.generate(), MemberKey()
    private = serialization.load_pem_private_key(member.private_pem().encode(), None)
    star = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "*")]))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("*")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, None)  # type: ignore[arg-type]  # an Ed25519 key
        .public_bytes(serialization.Encoding.PEM)
        .decode()
    )

    issued = issue_certificate(star, key=key, package_id=PACKAGE, now=NOW, lifetime=HOUR)

    read = x509.load_pem_x509_certificate(issued.pem.encode())
    assert "*" not in read.subject.rfc4514_string()
    names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [PACKAGE, "00000"]
    assert not read.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def _foreign_request() -> str:
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    signed = request.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def _request_of_no_known_kind() -> str:
    """For a key of an algorithm that nobody has: 1.3.101.112 is Ed25519, 1.3.101.126 nothing."""
    der = x509.load_pem_x509_csr(MemberKey().request().encode()).public_bytes(
        serialization.Encoding.DER
    )
    known, unknown = bytes.fromhex("06032b6570"), bytes.fromhex("06032b657e")
    body = base64.encodebytes(der.replace(known, unknown, 1)).decode()
    title = "CERTIFICATE REQUEST"
    return f"-----BEGIN {title}-----\n{body}-----END {title}-----\n"


@pytest.mark.parametrize(
    "request_text",
    [
        _request_of_no_known_kind(),
        "",
        "not a request",
        MemberKey().private_pem(),
        _foreign_request(),
        "a" * 5000,
        "é",
    ],
)
def test_what_is_no_request_is_refused(request_text: str) -> None:
    key = IdentityKey.generate()
    with pytest.raises(FormatError):
        issue_certificate(request_text, key=key, package_id=PACKAGE, now=NOW, lifetime=HOUR)


def test_a_request_proves_that_its_sender_holds_the_key() -> None:
    parsed = x509.load_pem_x509_csr(MemberKey().request().encode())
    der = bytearray(parsed.public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1  # the last byte of the signature
    broken = x509.load_der_x509_csr(bytes(der)).public_bytes(serialization.Encoding.PEM).decode()

    with pytest.raises(AuthenticationError):
        issue_certificate(
            broken, key=IdentityKey.generate(), package_id=PACKAGE, now=NOW, lifetime=HOUR
        )


def test_a_member_key_does_not_show_itself() -> None:
    assert "secret" in repr(MemberKey())
