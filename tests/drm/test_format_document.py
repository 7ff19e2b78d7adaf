"""docs/format-v1.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from drm import (
    audit,
    custody,
    encoding,
    escrow,
    hpke,
    issuer,
    keys,
    lease,
    licence,
    manifest,
    passphrase,
    proof,
    recovery,
    shares,
    signed,
    status,
    stream,
    surrender,
    unlock,
)

TEXT = (Path(__file__).parents[2] / "docs" / "format-v1.md").read_text()


def section(number: str) -> str:
    found = re.search(rf"^#+ {re.escape(number)} .*?(?=^#+ \d|\Z)", TEXT, re.DOTALL | re.MULTILINE)
    assert found is not None, number
    return found[0]


def test_every_section_that_the_code_names_is_there() -> None:
    for path in Path(encoding.__file__).parent.glob("*.py"):
        for number in re.findall(r"[Ss]ection (\d+(?:\.\d+)?)", _own_references(path.read_text())):
            assert section(number), f"{path.name} names section {number}"


def _own_references(source: str) -> str:
    # Sections of other documents come after the document's name.
    return re.sub(r"(RFC \d+|BEP \d+)[^.\n]*sections? [\d.]+( and [\d.]+)?", "", source)


def test_labels_and_kinds_are_those_of_the_code() -> None:
    assert keys.SEALING_KEY_CONTEXT.decode() in section("2.3")
    assert keys.COMMITMENT_CONTEXT.decode() in section("2.4")
    assert manifest.STREAM_CONTEXT.decode() in section("4.4")
    assert licence.INFO_LABEL.decode() in section("6.4")
    assert lease.INFO_LABEL.decode() in section("13.1")
    assert custody.KEY_LABEL.decode() in section("9")
    assert custody.SEED_LABEL.decode() in section("9")
    assert escrow.MAGIC.decode() in section("10")
    assert passphrase.MAGIC.decode() in section("10.1")
    assert len(manifest.STREAM_CONTEXT) == 16
    assert unlock.INFO_LABEL.decode() in section("17.1")
    assert unlock.COMMITMENT_LABEL.decode() in section("17.2")
    for label in (recovery.IDENTITY_LABEL, recovery.SEALING_LABEL, recovery.CHECK_LABEL):
        assert label.decode() in section("17.4")
    assert f"`{recovery.ALPHABET}`" in section("17.4")
    assert f"each of {recovery.GROUPS} groups" in section("17.4")
    assert f"at most {shares.MAX_TRUSTEES}" in section("17.3")
    for module in (manifest, licence, lease, status, issuer, proof, unlock, shares):
        assert f"`{module.KIND}`" in section("3.1")


def test_numbers_are_those_of_the_code() -> None:
    assert (stream.SEGMENT_SIZE, stream.HEADER_SIZE, stream.TAG_SIZE) == (65536, 40, 16)
    assert (stream.FIRST_PAYLOAD_SIZE, stream.PAYLOAD_SIZE) == (65480, 65520)
    assert f"{stream.FIRST_PAYLOAD_SIZE:,}" in section("4.3")
    assert f"{stream.PAYLOAD_SIZE:,}" in section("4.3")
    assert f"1 to {manifest.MAX_FILES:,}" in section("5.4")
    assert f"1 to {manifest.MAX_NAME_BYTES:,} bytes" in section("5.4")
    assert f"at most {manifest.MAX_MEDIA_TYPE}" in section("5.4")
    assert f"{manifest.MAX_PIECE_LENGTH:,}" in section("5.1")
    assert f"deeper than {encoding.MAX_DEPTH} levels" in section("1.2")
    assert f"{signed.MAX_HEADER_SIZE:,} bytes" in section("3.1")
    assert f"{signed.MAX_DOCUMENT_SIZE // 2**20} MiB" in section("3.1")
    assert f"{int(proof.PROOF_MAX_AGE.total_seconds())} seconds" in section("2.5")
    assert f"at least {escrow.MINIMUM_PASSPHRASE} characters" in section("10")
    assert f"AES-256-GCM 0x{hpke.AEAD.value:04x}" in section("6.4")
    assert f"{manifest.MAX_DETAILS_SIZE // 2**20} MiB" in section("5.4")
    for code in sorted(ord(c) for c in manifest._BIDI_CONTROLS if ord(c) < 0x202A):
        assert f"U+{code:04X}" in section("5.4")


def test_claims_are_those_of_the_code() -> None:
    for number, module in (
        ("5.1", manifest),
        ("6.1", licence),
        ("7", status),
        ("8", issuer),
        ("13.1", lease),
        ("17.1", unlock),
        ("17.3", shares),
    ):
        assert _claims_told(number) == set(module.KNOWN) - {"crit"}, number
    assert _claims_told("15.1") == set(surrender.REQUEST_KNOWN) - {"crit"}
    assert _claims_told("15.2") == set(surrender.KNOWN) - {"crit"}
    assert f"`{surrender.KIND}`" in section("3.1")
    assert f"`{surrender.REQUEST_KIND}`" in section("3.1")
    assert _claims_told("16.1") == set(issuer.KEYRING_KNOWN) - {"crit"}
    assert _claims_told("16.2") == set(issuer.ROOT_KNOWN) - {"crit"}
    assert issuer.ACCEPTANCE_CONTEXT.decode() in section("16.2")
    assert f"1 to {issuer.MOST_ISSUERS} issuer" in section("16.1")
    assert f"at most {issuer.MOST_ROOT_CHANGES} changes" in section("16.2")
    for kind in (issuer.KEYRING_KIND, issuer.ROOT_KIND, audit.KIND, audit.CHECKPOINT_KIND):
        assert f"`{kind}`" in section("3.1")
    for word in status.STATUSES:
        assert f"`{word}`" in section("7.2")


def _claims_told(number: str) -> set[str]:
    cells = re.findall(r"^\| (`[^|]*`) \|", section(number), re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_every_promise_has_its_test() -> None:
    promises = re.findall(r"^\| .* \| `(\w+\.py)::(\w+)` \|$", section("12"), re.MULTILINE)

    assert len(promises) == 25
    for file, name in promises:
        assert f"def {name}(" in (Path(__file__).parent / file).read_text(), name
