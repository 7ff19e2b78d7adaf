"""The authority of a closed swarm, and the certificates of its members (X.509, RFC 5280).

A closed swarm is an SSL torrent: its description holds the certificate of an authority, and
libtorrent talks only to peers whose certificate chains to it and names the torrent. Each
package has an authority of its own, so a certificate opens one swarm. Revocation is by age:
nobody reads revocation lists, so a member's certificate lives for an hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from drm.errors import AuthenticationError, FormatError
from drm.keys import IdentityKey

__all__ = [
    "AUTHORITY_LIFETIME",
    "MemberCertificate",
    "MemberKey",
    "create_authority",
    "issue_certificate",
    "read_certificate",
]

AUTHORITY_LIFETIME: Final = timedelta(days=50 * 365)
# Peers judge by their own clocks: one that runs behind still takes a fresh certificate.
EARLIER: Final = timedelta(hours=1)
# libtorrent calls a torrent of one file by that file's name, whatever the torrent is called.
SINGLE_FILE: Final = "00000"
MAX_REQUEST: Final = 4096  # bytes; an Ed25519 request has about 300


@dataclass(frozen=True, slots=True)
class MemberCertificate:
    """A certificate as it goes over the wire, and when it ends."""

    pem: str
    expires_at: datetime


class MemberKey:
    """The key of one device in closed swarms: made anew at each start, never stored."""

    __slots__ = ("_key",)

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()

    def __repr__(self) -> str:
        return "<MemberKey (secret)>"

    def request(self) -> str:
        """Return a certificate request (PKCS #10, PEM): it proves that the key is here."""
        builder = x509.CertificateSigningRequestBuilder().subject_name(_name("device"))
        request = builder.sign(self._key, None)
        return request.public_bytes(serialization.Encoding.PEM).decode("ascii")

    def private_pem(self) -> str:
        """Return the private key (PKCS #8, PEM), for the BitTorrent session alone."""
        return self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode("ascii")


def create_authority(key: IdentityKey, *, package_id: str, now: datetime) -> str:
    """Return the certificate (PEM) of a package's authority, valid for fifty years.

    It may sign leaves and nothing else; libtorrent loads no intermediates.
    """
    name = _name(package_id)
    certificate = (
        _certificate(subject=name, issuer=name, now=now, until=now + AUTHORITY_LIFETIME)
        .public_key(Ed25519PublicKey.from_public_bytes(key.public.to_bytes()))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(_key_name(key), critical=False)
        .sign(_private(key), None)
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


def issue_certificate(
    request: str, *, key: IdentityKey, package_id: str, now: datetime, lifetime: timedelta
) -> MemberCertificate:
    """Return a certificate for the key in `request`, good in the swarm of `package_id` alone.

    Nothing but the key is taken from the request: names, dates and uses are ours. Raises
    FormatError where it is no request for an Ed25519 key, AuthenticationError where its
    sender does not hold that key.
    """
    public = _requested_key(request)
    until = now + lifetime
    names = [x509.DNSName(package_id), x509.DNSName(SINGLE_FILE)]
    certificate = (
        _certificate(subject=_name("device"), issuer=_name(package_id), now=now, until=until)
        .public_key(public)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage(
                [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
            ),
            critical=False,
        )
        .add_extension(_signer(key), critical=False)
        .sign(_private(key), None)
    )
    return MemberCertificate(
        certificate.public_bytes(serialization.Encoding.PEM).decode("ascii"),
        certificate.not_valid_after_utc,
    )


def read_certificate(pem: str) -> MemberCertificate:
    """Return a certificate that came over the wire with its end. Raises FormatError.

    Nothing is verified: peers do that, each for itself.
    """
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode("ascii"))
    except ValueError:
        raise FormatError("This is not a certificate.") from None
    return MemberCertificate(pem, certificate.not_valid_after_utc)


def _requested_key(request: str) -> Ed25519PublicKey:
    if len(request) > MAX_REQUEST:
        raise FormatError("The certificate request is too long.")
    try:
        parsed = x509.load_pem_x509_csr(request.encode("ascii"))
        public = parsed.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise FormatError("This is not a certificate request (PKCS #10, PEM).") from None
    if not isinstance(public, Ed25519PublicKey):
        raise FormatError("The certificate request must be for an Ed25519 key.")
    try:
        public.verify(parsed.signature, parsed.tbs_certrequest_bytes)
    except InvalidSignature:
        raise AuthenticationError(
            "The certificate request is not signed by the key that it names."
        ) from None
    return public


def _certificate(
    *, subject: x509.Name, issuer: x509.Name, now: datetime, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(until)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _key_name(key: IdentityKey) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier.from_public_key(_private(key).public_key())


def _signer(key: IdentityKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(_key_name(key))


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _private(key: IdentityKey) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(key.to_bytes())
