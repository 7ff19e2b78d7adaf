"""Which leases take the place of the one that is held: by their issuer, and by their key."""

from __future__ import annotations

from datetime import timedelta

from drm.keys import ContentKey
from seeder.errors import LicenceRefusedError, SeederError
from tests.seeder.test_leases import Desk, desk, make_desk

__all__ = ["desk", "make_desk"]  # the fixtures
YEARS = timedelta(days=366)


def _held(desk: Desk) -> str:
    return desk.leases.records.read().licences[desk.held.claims.licence_id].lease


def _refused(desk: Desk) -> SeederError:
    error = desk.leases.refresh(desk.client, desk.held, now_due=True)
    assert isinstance(error, LicenceRefusedError)
    return error


def test_a_lease_by_an_issuer_whose_time_is_over_is_not_used(desk: Desk) -> None:
    # Given a thief of its key, who dates the lease back; the certificate ended in 2040.
    desk.renew()
    kept, marked = _held(desk), desk.leases.records.read().high_water
    desk.later = 20 * YEARS

    error = _refused(desk)

    assert error.code == "retired_issuer"
    assert "clock" in str(error)
    assert _held(desk) == kept
    assert desk.leases.records.read().high_water == marked


def test_a_lease_with_another_key_is_not_used(desk: Desk) -> None:
    # As by a shop whose custody is damaged: what is held goes on.
    desk.renew()
    kept = _held(desk)
    desk.seat.papers(desk.package.id).keep_manifest(desk.package.manifest_jws)
    desk.shop.leases.changes = {"key": ContentKey.generate()}

    assert _refused(desk).code == "bad_signature"

    assert _held(desk) == kept
    assert desk.decide().allowed
