"""Leases, and licences that need one: rights, limits, clocks and words of the shop (sections 6.3,
6.5, 7 and 13)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

from drm.encoding import b64u
from tests.drm.house import DEVICE, DEVICE_SEALING, ISSUER, KEY, NOW, OTHER_KEY, STRANGER
from tests.vectors.tools import Case, Row, base, claims_in, document, without, wrapped

START: Final = int(NOW.timestamp())
DAY: Final = 86400
ENDS: Final = START + 3 * DAY  # of the lease
TERMS: Final = {"duration": 3 * DAY, "grace": DAY}
NONCE: Final = "0123456789abcdef"
LAST_SECOND: Final = 253402300799  # of the year 9999
RENTAL: Final = {"play": True, "save": False, "lease": TERMS}
CRITICAL: Final = ["rights.lease", "rights.play_window", "rights.play_count"]
EVERYTHING: Final = RENTAL | {"play_window": 2 * DAY, "play_count": 3}
LEASE: Final = "geobuk-lease+jws"
LICENCE: Final = "geobuk-licence+jws"
STATUS: Final = "geobuk-status+jws"


def leased_claims(rights: Case = RENTAL, crit: list[str] | None = None) -> Case:
    """Return the claims of a licence that needs a lease."""
    claims = without(claims_in(base("licence")["licence"]), "wrapped_key")
    limits = [name for name in CRITICAL if name.removeprefix("rights.") in rights]
    return claims | {"rights": rights, "crit": limits if crit is None else crit}


def leased(rights: Case = RENTAL, crit: list[str] | None = None, **more: object) -> str:
    """Return a licence that needs a lease."""
    return document(leased_claims(rights, crit) | {"wrapped_key": None} | more, LICENCE)


def lease_claims(licence: str, **more: object) -> Case:
    """Return the claims of a lease of `licence`, but for the key."""
    claims: Case = {
        "v": 1,
        "id": "lease 1",
        "licence": "11111111-2222-3333-4444-555555555555",
        "licence_hash": b64u(hashlib.sha256(licence.encode()).digest()),
        "device": DEVICE.public.thumbprint,
        "iat": START,
        "exp": ENDS,
        "counter": 2,
        "epoch": 1,
        "first_play": None,
        "plays": None,
        "nonce": NONCE,
    }
    return claims | more


def lease(licence: str, **more: object) -> str:
    """Return a lease of `licence`."""
    return _locked(lease_claims(licence, **more))


def _locked(claims: Case, **how: object) -> str:
    key = wrapped(claims, **({"label": b"geobuk-lease-v1"} | how))  # type: ignore[arg-type]  # by name
    return document(claims | {"wrapped_key": key}, LEASE)


def lease_base() -> Case:
    """Return a lease that is in order."""
    licence = leased()
    return {
        "kind": "lease",
        "outcome": "ok",
        "issuer_public": b64u(ISSUER.public.to_bytes()),
        "licence": licence,
        "device": DEVICE.public.thumbprint,
        "sealing_key": b64u(DEVICE_SEALING.to_bytes()),
        "nonce": NONCE,
        "jws": lease(licence),
        "content_key": b64u(KEY.value),
        "counter": 2,
        "epoch": 1,
        "expires": ENDS,
        "first_play": None,
        "plays": 0,
    }


def leases() -> Iterator[Row]:
    """A lease by itself (section 13.1)."""
    licence = leased()
    claims = lease_claims(licence)
    yield "fresh", "ok", {}
    yield "from-the-store", "ok", {"nonce": None}
    played = {"first_play": START - 60, "plays": 2}
    yield "played-before", "ok", {"jws": lease(licence, **played)} | played
    yield "counter-and-epoch-0", "ok", _counted(licence, counter=0, epoch=0)
    yield "other-question", "bad_signature", {"nonce": "fedcba9876543210"}
    yield "other-device", "bad_signature", {"device": STRANGER.public.thumbprint}
    other = leased(RENTAL | {"gift": True})
    yield "other-licence", "bad_signature", {"licence": other}
    resigned = document(claims_in(licence), LICENCE, header={"alg": "EdDSA", "typ": LICENCE})
    yield "same-claims-signed-again", "bad_signature", {"licence": resigned}
    yield "other-kind", "bad_signature", {"jws": document(claims_in(lease(licence)), STATUS)}
    whole = claims_in(lease(licence))
    stranger = document(whole, LEASE, key=STRANGER)
    yield "other-signer", "bad_signature", {"jws": stranger}
    for name in without(claims, "v"):
        yield f"without-{name}", "bad_format", {"jws": _locked(without(claims, name))}
    keyless = without(whole, "wrapped_key")
    yield "without-wrapped_key", "bad_format", {"jws": document(keyless, LEASE)}
    yield "wrapped-key-null", "bad_format", {"jws": document(whole | {"wrapped_key": None}, LEASE)}
    malformed: dict[str, Case] = {
        "ends-as-it-begins": {"exp": START},
        "ends-before-it-begins": {"exp": START - 3600},
        "counter-below-zero": {"counter": -1},
        "epoch-below-zero": {"epoch": -1},
        "plays-below-zero": {"plays": -1},
        "plays-true": {"plays": True},
        "first-play-as-text": {"first_play": "0"},
        "nonce-too-short": {"nonce": "0123456789abcde"},
        "nonce-beyond-ascii": {"nonce": "거북거북거북거북거북거북거북거북"},
        "nonce-too-long": {"nonce": "0" * 129},
    }
    for name, change in malformed.items():
        yield name, "bad_format", {"jws": lease(licence, **change), "nonce": None}
    yield "version-2", "unsupported", {"jws": lease(licence, v=2)}
    yield "critical-unknown", "unsupported", {"jws": lease(licence, crit=["moon"])}
    yield "every-claim-critical", "ok", {"jws": lease(licence, crit=list(whole))}
    yield "critical-of-a-licence", "unsupported", {"jws": lease(licence, crit=["rights.lease"])}
    moved = document(whole | {"counter": 3}, LEASE)
    yield "key-moved", "wrong_key", {"jws": moved}
    label = _locked(claims, label=b"geobuk-licence-v1")
    yield "label-of-a-licence", "wrong_key", {"jws": label}
    yield "associated-data", "wrong_key", {"jws": _locked(claims, aad=b"geobuk")}
    short = _locked(claims, key=KEY.value[:31])
    yield "key-of-31-bytes", "bad_format", {"jws": short}
    suite = whole | {"wrapped_key": whole["wrapped_key"] | {"suite": "X448"}}
    yield "suite-unknown", "unsupported", {"jws": document(suite, LEASE)}


def _counted(licence: str, **numbers: int) -> Case:
    return {"jws": lease(licence, **numbers)} | numbers


def rental_base() -> Case:
    """Return a leased licence with its lease, asked to play at START."""
    licence = leased()
    return base("licence") | {
        "licence": licence,
        "lease": lease(licence),
        "ends": ENDS + DAY,
        "stops": ENDS + DAY,
    }


def rentals() -> Iterator[Row]:
    """All cases of licences with rights, limits and leases."""
    for cases in (permitted(), limits(), clocks(), malformed_rights(), words()):
        yield from cases


def _rental(rights: Case = RENTAL, lease_says: Case | None = None, **licence_says: object) -> Case:
    licence = leased(rights, **licence_says)  # type: ignore[arg-type]  # claims by their names
    return {"licence": licence, "lease": lease(licence, **(lease_says or {}))}


def permitted() -> Iterator[Row]:
    """Licences that open, one for each right."""
    yield "leased", "ok", {}
    perpetual = without(base("licence"), "kind", "outcome") | {"ends": None, "stops": None}
    claims = without(claims_in(perpetual["licence"]), "wrapped_key")

    def bought(rights: Case, **more: object) -> Case:
        said = claims | {"rights": rights} | more
        licence = document(said | {"wrapped_key": wrapped(said)}, LICENCE)
        return perpetual | {"licence": licence, "lease": None}

    play = {"play": True, "save": False}
    yield "save", "ok", bought({"play": True, "save": True}) | {"action": "save"}
    yield "save-alone", "ok", bought({"save": True}) | {"action": "save"}
    yield "save-alone-does-not-play", "right_absent", bought({"save": True})
    yield "transfer-and-gift", "ok", bought(play | {"transfer": True, "gift": True})
    yield "lend", "ok", bought(play | {"lend": 14 * DAY})
    yield "lend-true-names-no-time", "ok", bought(play | {"lend": True})
    yield "limits-that-are-null", "ok", bought(play | {"lease": None, "play_window": None})
    yield "unknown-right", "ok", bought(play | {"moon": "full"})
    ten_years = {"now": START + 3653 * DAY, "high_water": START + 9999 * DAY}
    yield "perpetual-whatever-the-clock", "ok", bought(play) | ten_years
    yield "perpetual-in-1970", "ok", bought(play) | {"now": 0, "high_water": START}
    limited = bought(play, exp=START + 60) | {"ends": START + 60, "stops": START + 60}
    yield "time-limited", "ok", limited
    soft = bought(play | {"soft_end": True, "hard_cap": 7200}, exp=START + 60)
    yield "soft-end", "ok", soft | {"ends": START + 60, "stops": START + 7260}
    ahead = {"high_water": START + 301}
    yield "time-limited-clock-set-back", "clock_set_back", limited | ahead
    yield "time-limited-clock-within-5-minutes", "ok", limited | {"high_water": START + 300}
    cut = bought(play | {"lease": TERMS})
    yield "leased-with-key", "bad_format", cut | {"lease": None}
    null = document(claims | {"wrapped_key": None}, LICENCE)
    yield "unleased-without-key", "bad_format", perpetual | {"licence": null, "lease": None}


def limits() -> Iterator[Row]:
    """Windows and counts (section 13.3, questions 3 to 6)."""
    yield "no-lease", "lease_missing", {"lease": None}
    yield "lease-last-second", "ok", {"now": ENDS + DAY - 1}
    yield "lease-and-grace-over", "lease_expired", {"now": ENDS + DAY}
    bare = _rental(RENTAL | {"lease": {"duration": DAY}})
    yield "without-grace", "ok", bare | {"now": ENDS - 1, "ends": ENDS, "stops": ENDS}
    yield "without-grace-over", "lease_expired", bare | {"now": ENDS}
    window = _rental(RENTAL | {"play_window": DAY})
    begins = {"ends": START + DAY, "stops": START + DAY}
    yield "window-begins", "ok", window | begins
    played = {"usage": {"first_play": START - DAY, "plays": 0, "known": True}}
    yield "window-over-by-the-device", "window_over", window | played
    early = {"usage": {"first_play": START - DAY + 1, "plays": 0, "known": True}}
    yield "window-last-second", "ok", window | early | {"ends": START + 1, "stops": START + 1}
    elsewhere = _rental(RENTAL | {"play_window": DAY}, {"first_play": START - DAY})
    yield "window-over-by-the-shop", "window_over", elsewhere
    late = {"usage": {"first_play": START - 1, "plays": 0, "known": True}}
    yield "window-by-the-earlier-play", "window_over", elsewhere | late
    soft = _rental(RENTAL | {"play_window": DAY, "soft_end": True, "hard_cap": 3600})
    yield "window-with-soft-end", "ok", soft | begins | {"stops": START + DAY + 3600}
    yield "soft-end-begins-no-play", "window_over", soft | played
    counted = _rental(RENTAL | {"play_count": 3}, {"plays": 1})
    once = {"usage": {"first_play": None, "plays": 1, "known": True}}
    twice = {"usage": {"first_play": None, "plays": 2, "known": True}}
    yield "last-play", "ok", counted | once
    yield "plays-used-up", "plays_used_up", counted | twice
    alone = _rental(RENTAL | {"play_count": 3}, {"plays": 3})
    yield "plays-used-up-elsewhere", "plays_used_up", alone
    all_limits = _rental(EVERYTHING)
    yield "every-limit", "ok", all_limits | {"ends": START + 2 * DAY, "stops": START + 2 * DAY}
    ends = _rental(RENTAL, exp=ENDS - 1)
    yield "licence-ends-first", "ok", ends | {"ends": ENDS - 1, "stops": ENDS - 1}
    yield "licence-ended", "expired", ends | {"now": ENDS - 1}
    huge = _rental(RENTAL | {"lease": {"duration": 1, "grace": 2**53 - 1}})
    last = {"ends": LAST_SECOND, "stops": LAST_SECOND}
    yield "grace-beyond-every-calendar", "ok", huge | last


def clocks() -> Iterator[Row]:
    """Clocks and records (section 13.3, questions 1 and 2)."""
    lost = {"usage": {"first_play": None, "plays": 0, "known": False}}
    yield "record-lost", "state_missing", lost
    yield "clock-5-minutes-back", "ok", {"high_water": START + 300}
    yield "clock-set-back", "clock_set_back", {"high_water": START + 301}
    yield "5-minutes-before-the-lease", "ok", {"now": START - 300}
    yield "before-the-lease", "clock_set_back", {"now": START - 301}
    yield "not-begun", "not_yet_valid", _rental(RENTAL, nbf=START + 1)


def malformed_rights() -> Iterator[Row]:
    """Rights that contradict themselves or the format."""
    crit = ["rights.lease"]
    unmarked = {"lease": (RENTAL, []), "play_window": (RENTAL | {"play_window": DAY}, crit)}
    unmarked["play_count"] = (RENTAL | {"play_count": 3}, crit)
    for name, (rights, listed) in unmarked.items():
        licence = leased(rights, listed)
        yield f"{name}-not-critical", "bad_format", {"licence": licence, "lease": None}
    unlisted = leased_claims() | {"wrapped_key": None}
    nothing = document(without(unlisted, "crit"), LICENCE)
    yield "no-crit", "bad_format", {"licence": nothing, "lease": None}
    faults: dict[str, Case] = {
        "window-without-lease": {"play_window": DAY},
        "count-without-lease": {"play_count": 3},
        "lease-and-save": {"lease": TERMS, "save": True},
        "lease-is-a-number": {"lease": DAY},
        "lease-is-true": {"lease": True},
        "lease-without-duration": {"lease": {"grace": DAY}},
        "lease-of-no-time": {"lease": {"duration": 0}},
        "grace-below-zero": {"lease": {"duration": DAY, "grace": -1}},
        "window-of-no-time": {"lease": TERMS, "play_window": 0},
        "window-as-text": {"lease": TERMS, "play_window": "86400"},
        "no-plays": {"lease": TERMS, "play_count": 0},
        "plays-true": {"lease": TERMS, "play_count": True},
        "start-grace-below-zero": {"lease": TERMS, "play_start_grace": -1},
        "hard-cap-below-zero": {"lease": TERMS, "hard_cap": -1},
        "soft-end-is-null": {"lease": TERMS, "soft_end": None},
        "lend-for-no-time": {"lease": TERMS, "lend": 0},
        "lend-is-false": {"lease": TERMS, "lend": False},
        "gift-is-a-number": {"lease": TERMS, "gift": 1},
    }
    for name, rights in faults.items():
        yield name, "bad_format", {"licence": leased({"play": True} | rights), "lease": None}
    yield "play-denied", "right_absent", _rental({"lease": TERMS})
    other = without(leased_claims(), "wrapped_key") | {"wrapped_key": {}}
    empty = document(other, LICENCE)
    yield "wrapped-key-empty", "bad_format", {"licence": empty, "lease": None}
    wrong = _locked(lease_claims(leased()), key=OTHER_KEY.value)
    yield "lease-with-another-key", "wrong_key", {"lease": wrong}
    elsewhere = lease(leased(RENTAL | {"gift": True}))
    yield "lease-of-another-licence", "bad_signature", {"lease": elsewhere}
    foreign = lease(leased(), device=STRANGER.public.thumbprint)
    yield "lease-of-another-device", "bad_signature", {"lease": foreign}


def words() -> Iterator[Row]:
    """A word of the shop outranks the licence (section 6.5, question 3)."""
    says = claims_in(base("status-revoked")["jws"]) | {"id": leased_claims()["id"], "message": ""}
    for word in ("ready", "active"):
        yield f"status-{word}", "ok", {"status": document(says | {"status": word}, STATUS)}
    for word in ("revoked", "returned", "cancelled", "expired"):
        said = document(says | {"status": word}, STATUS)
        yield f"status-{word}", "revoked", {"status": said}
    device = says | {"id": f"device:{DEVICE.public.thumbprint}"}
    yield "device-removed", "revoked", {"status": document(device, STATUS)}
    other = says | {"id": "another licence"}
    yield "status-of-another-licence", "bad_signature", {"status": document(other, STATUS)}
    stranger = says | {"id": f"device:{STRANGER.public.thumbprint}"}
    yield "status-of-another-device", "bad_signature", {"status": document(stranger, STATUS)}
    forged = document(says, STATUS, key=STRANGER)
    yield "status-by-a-stranger", "bad_signature", {"status": forged}
