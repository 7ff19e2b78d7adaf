"""A closed swarm for tests: a package's authority, and the certificates that it gives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from drm.keys import IdentityKey
from drm.swarm_authority import MemberKey, create_authority, issue_certificate
from seeder.session import Session
from seeder.torrents import info_hash, with_authority
from tests.swarm.content import Content

__all__ = ["Authority", "close_swarm", "dial_closed"]

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Authority:
    """The authority of the package called `package`."""

    key: IdentityKey
    package: str

    @classmethod
    def create(cls, package: str) -> Authority:
        return cls(IdentityKey.generate(), package)

    @property
    def pem(self) -> str:
        return create_authority(self.key, package_id=self.package, now=datetime.now(UTC))

    def admit(
        self,
        session: Session,
        content: Content,
        *,
        package: str | None = None,
        age: timedelta = timedelta(0),
    ) -> None:
        """Give a session a certificate of an hour, issued `age` ago, for this or another name."""
        key = MemberKey()
        issued = issue_certificate(
            key.request(),
            key=self.key,
            package_id=package or self.package,
            now=datetime.now(UTC) - age,
            lifetime=HOUR,
        )
        session.set_certificate(content.info_hash, issued.pem, key.private_pem())


def close_swarm(content: Content) -> tuple[Content, Authority]:
    """The same package in a closed swarm."""
    authority = Authority.create(content.name)
    metainfo = with_authority(content.metainfo, authority.pem)
    return replace(content, metainfo=metainfo, info_hash=info_hash(metainfo)), authority


def dial_closed(
    session: Session, content: Content, other: Session, host: str = "127.0.0.1"
) -> None:
    session.connect_peer(content.info_hash, (host, other.tls_port))
