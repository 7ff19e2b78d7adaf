"""A second reader, in JavaScript on WebCrypto alone, answers as drm does (tests/vectors/README.md)."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from drm.encoding import b64u, from_b64u
from drm.keys import SealingKey
from drm.status import sign_status
from tests.drm.house import (
    DEVICE,
    DEVICE_SEALING,
    HOUR,
    ISSUER,
    NOW,
    ROOT,
    Shelf,
    licence_for,
    pattern,
)
from tests.vectors.checks import judge
from tests.vectors.mutants import mutants
from tests.vectors.tools import FOLDER, base, vectors

MUTANTS = 3000
SEED = 3


def node(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("node")
    assert program, "Node.js is missing: apt-get install nodejs, or any Node.js from 18 on"
    return subprocess.run(
        [program, "--no-warnings", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_it_answers_every_vector_as_the_vector_says() -> None:
    ran = node(FOLDER / "check.mjs")

    assert ran.returncode == 0, ran.stderr
    counted = json.loads(ran.stdout)
    known = vectors().values()
    assert counted["wrong"] == 0
    assert counted["ok"] + counted["refused"] + counted["unsupported"] == len(known)
    # ML-KEM and scrypt are what it lacks, and nothing else.
    assert {case.get("needs") for case in known} == {None, "X-Wing", "scrypt"}
    assert counted["unsupported"] <= sum(case.get("needs") is not None for case in known)


def test_it_agrees_with_drm_on_random_faults(tmp_path: Path) -> None:
    cases = mutants(SEED, MUTANTS)
    (tmp_path / "mutants.json").write_text(json.dumps(cases))

    ran = node(FOLDER / "check.mjs", tmp_path / "mutants.json")

    assert ran.returncode == 0, ran.stderr
    theirs = json.loads(ran.stdout)
    ours = [judge(case) for case in cases]
    differing = [
        (case["name"], mine, their, case)
        for case, mine, their in zip(cases, ours, theirs, strict=True)
        if mine != their
    ]
    assert differing == []
    counted = Counter(ours)
    # Faults of every kind were among them, and harmless changes too.
    assert min(counted[code] for code in ("bad_format", "bad_signature", "unsupported")) > 50
    assert counted["ok"] > 50
    assert len(counted) >= 12


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, Any]:
    case = base("manifest")
    (tmp_path / "sealed").write_bytes(from_b64u(case["files"][0]["ciphertext"]))
    return {
        "root": b64u(ROOT.public.to_bytes()),
        "certificates": [base("issuer-certificate")["jws"]],
        "manifest": case["manifest"],
        "licence": base("licence")["licence"],
        "identity": b64u(DEVICE.public.to_bytes()),
        "sealing_key": b64u(DEVICE_SEALING.to_bytes()),
    }


def run(tmp_path: Path, keys: dict[str, Any], *command: str) -> subprocess.CompletedProcess[str]:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(keys))
    name, *rest = command
    return node(FOLDER / "verify.mjs", name, path, *rest)


def test_its_command_says_what_a_licence_permits(tmp_path: Path, keys: dict[str, Any]) -> None:
    ran = run(tmp_path, keys, "licence")

    said = json.loads(ran.stdout)
    assert said["rights"]["play"] is True
    assert said["until"] == "without end"
    assert [file["name"] for file in said["files"]] == ["file 0.bin", "file 1.bin"]


def test_its_command_decrypts_a_file(tmp_path: Path, keys: dict[str, Any]) -> None:
    plain = tmp_path / "plain"

    ran = run(tmp_path, keys, "decrypt", "0", str(tmp_path / "sealed"), str(plain))

    assert ran.returncode == 0, ran.stderr
    assert plain.read_bytes() == from_b64u(base("manifest")["files"][0]["plain"])


def test_its_command_decrypts_what_we_seal_now(
    tmp_path: Path, keys: dict[str, Any], shelf: Shelf, licence: str
) -> None:
    sealed, plain = tmp_path / "sealed", tmp_path / "plain"
    sealed.write_bytes(shelf.ciphertexts[0] + b"and more")
    ours = keys | {"manifest": shelf.jws.decode(), "licence": licence}

    ran = run(tmp_path, ours, "decrypt", "0", str(sealed), str(plain))

    assert ran.returncode == 0, ran.stderr
    assert plain.read_bytes() == pattern(200_000, "a")


def test_its_command_judges_by_the_time_it_is_told(
    tmp_path: Path, keys: dict[str, Any], shelf: Shelf
) -> None:
    rented = licence_for(shelf, expires=NOW + HOUR)
    ours = keys | {"manifest": shelf.jws.decode(), "licence": rented}
    in_time = {"now": int(NOW.timestamp()) + 3599}
    late = {"now": int(NOW.timestamp()) + 3600}
    revoked = sign_status(
        issuer=ISSUER,
        kid=ISSUER.public.thumbprint,
        licence_id="11111111-2222-3333-4444-555555555555",
        status="revoked",
        message="",
        now=NOW,
        updated=NOW,
        nonce="0123456789abcdef",
    )

    assert run(tmp_path, ours | in_time, "licence").returncode == 0
    assert run(tmp_path, ours | late, "licence").stderr.startswith("expired")
    ended = run(tmp_path, ours | in_time | {"status": revoked}, "licence")
    assert ended.stderr.startswith("revoked")


def test_its_command_leaves_no_file_where_it_refuses(tmp_path: Path, keys: dict[str, Any]) -> None:
    sealed, plain = tmp_path / "sealed", tmp_path / "plain"
    sealed.write_bytes(sealed.read_bytes()[:-1] + b"\x00")

    changed = run(tmp_path, keys, "decrypt", "0", str(sealed), str(plain))
    other = keys | {"sealing_key": b64u(SealingKey.generate().to_bytes())}
    elsewhere = run(tmp_path, other, "decrypt", "0", str(sealed), str(plain))

    assert changed.returncode == elsewhere.returncode == 1
    assert changed.stderr.startswith("bad_signature")
    assert elsewhere.stderr.startswith("wrong_key")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["keys.json", "sealed"]
