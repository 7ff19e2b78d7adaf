"""A seed of a closed swarm against programs that are not ours: TLS by hand, then BitTorrent (BEP 3)."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

from drm.swarm_authority import MemberKey, issue_certificate
from seeder.session import Session
from tests.swarm.closed import Authority, close_swarm
from tests.swarm.conftest import OpenSession
from tests.swarm.content import Content, make_content

pytestmark = pytest.mark.swarm

HANDSHAKE = 68  # bytes: 1 + 19 + 8 + 20 + 20
Shown = tuple[str, str]  # certificate and key, PEM


@pytest.fixture
def seed(tmp_path: Path, open_session: OpenSession) -> tuple[Session, Content, Authority]:
    content, authority = close_swarm(make_content(tmp_path / "origin", [1_000_000]))
    session = open_session("s0")
    session.add(content.metainfo, content.save_path, seed_mode=True)
    authority.admit(session, content)
    return session, content, authority


def member(authority: Authority, *, package: str, age: timedelta = timedelta(0)) -> Shown:
    key = MemberKey()
    issued = issue_certificate(
        key.request(),
        key=authority.key,
        package_id=package,
        now=datetime.now(UTC) - age,
        lifetime=timedelta(hours=1),
    )
    return issued.pem, key.private_pem()


def self_signed(content: Content) -> Shown:
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, content.name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(content.name), x509.DNSName("00000")]), False
        )
        .sign(key, None)
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(pem).decode(), private.decode()


def signed_by_a_member(authority: Authority, content: Content) -> Shown:
    """A member as an authority of its own: its certificate signs another."""
    certificate, key = member(authority, package=content.name)
    issuer = x509.load_pem_x509_certificate(certificate.encode())
    signer = serialization.load_pem_private_key(key.encode(), None)
    assert isinstance(signer, Ed25519PrivateKey)
    own = Ed25519PrivateKey.generate()
    now = datetime.now(UTC)
    forged = (
        x509.CertificateBuilder()
        .subject_name(issuer.subject)
        .issuer_name(issuer.subject)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(content.name), x509.DNSName("00000")]), False
        )
        .sign(signer, None)
    )
    pem = serialization.Encoding.PEM
    private = own.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return forged.public_bytes(pem).decode() + certificate, private.decode()


def greet(
    seed: Session,
    content: Content,
    folder: Path,
    shown: Shown | None,
    *,
    name: str | None = None,
    version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
) -> bytes:
    """Dial the TLS port with a certificate, greet as BEP 3 says, and return what comes back."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    if shown is not None:
        path = folder / "shown.pem"
        path.write_text("".join(shown))
        context.load_cert_chain(path)
    swarm = content.info_hash[:40]
    hello = b"\x13BitTorrent protocol" + bytes(8) + bytes.fromhex(swarm) + b"x" * 20
    with socket.create_connection(("127.0.0.1", seed.tls_port), timeout=5) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=name or swarm) as secure:
                secure.sendall(hello)
                return secure.recv(HANDSHAKE)
        except (ssl.SSLError, ConnectionError):
            return b""


Seed = tuple[Session, Content, Authority]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2])
def test_a_member_is_greeted_back(seed: Seed, tmp_path: Path, version: ssl.TLSVersion) -> None:
    session, content, authority = seed
    shown = member(authority, package=content.name)

    answer = greet(session, content, tmp_path, shown, version=version)

    assert answer[:20] == b"\x13BitTorrent protocol"
    assert answer[28:48].hex() == content.info_hash[:40]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2])
@pytest.mark.parametrize(
    "show",
    [
        pytest.param(lambda authority, content: None, id="none"),
        pytest.param(lambda authority, content: self_signed(content), id="self-signed"),
        pytest.param(signed_by_a_member, id="signed by a member"),
        pytest.param(
            lambda authority, content: member(Authority.create(content.name), package=content.name),
            id="another authority",
        ),
        pytest.param(
            lambda authority, content: member(authority, package="ab" * 32), id="another name"
        ),
        pytest.param(
            lambda authority, content: member(
                authority, package=content.name, age=timedelta(hours=2)
            ),
            id="expired",
        ),
        pytest.param(
            lambda authority, content: member(
                authority, package=content.name, age=timedelta(hours=-3)
            ),
            id="of the future",
        ),
    ],
)
def test_nobody_else_hears_a_word(
    seed: Seed,
    tmp_path: Path,
    show: Callable[[Authority, Content], Shown | None],
    version: ssl.TLSVersion,
) -> None:
    session, content, authority = seed

    assert greet(session, content, tmp_path, show(authority, content), version=version) == b""


def test_a_member_of_one_swarm_gets_into_no_other_of_the_same_session(
    seed: Seed, tmp_path: Path
) -> None:
    session, content, authority = seed
    other, others = close_swarm(make_content(tmp_path / "other", [500_000], seed=2))
    session.add(other.metainfo, other.save_path, seed_mode=True)
    others.admit(session, other)
    shown = member(authority, package=content.name)

    assert len(greet(session, content, tmp_path, shown)) == HANDSHAKE
    assert greet(session, other, tmp_path, shown) == b""
    # Nor by the name of its own swarm, to ask for the other inside.
    assert greet(session, other, tmp_path, shown, name=content.info_hash[:40]) == b""
    assert greet(session, content, tmp_path, shown, name="00" * 20) == b""


def test_the_plain_port_knows_nothing_of_a_closed_swarm(seed: Seed) -> None:
    session, content, _authority = seed
    hello = b"\x13BitTorrent protocol" + bytes(8) + bytes.fromhex(content.info_hash[:40])

    with socket.create_connection(("127.0.0.1", session.port), timeout=5) as plain:
        plain.sendall(hello + b"x" * 20)
        try:
            answer = plain.recv(HANDSHAKE)
        except ConnectionError:
            answer = b""

    assert answer == b""
