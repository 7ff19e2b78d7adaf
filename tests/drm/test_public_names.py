"""The names that others build on; whoever changes one changes this list on purpose."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import drm
from drm.errors import DrmError

NAMES = {
    "audit": (
        "CHAIN_START Head LogProof chain_hash consistency_path inclusion_path "
        "leaf_hash sign_checkpoint sign_head tree_root verify_checkpoint verify_consistency "
        "verify_head verify_inclusion"
    ),
    "custody": "MasterKey unwrap_key unwrap_seed wrap_key wrap_seed",
    "decision": "CLOCK_TOLERANCE Clock Decision Usage decide require",
    "encoding": "b64u canonical_json from_b64u member parse_object time_from time_to_claim",
    "errors": (
        "AuthenticationError DrmError ExpiredError FormatError KeyMismatchError "
        "LicenceRefusedError NotYetValidError OnlineNeededError OtherContentError "
        "OtherDeviceError PlaysUsedUpError RevokedError RightAbsentError UnsupportedError "
        "WindowOverError"
    ),
    "escrow": "MINIMUM_PASSPHRASE lock unlock",
    "hpke": "SharedSecret seal unseal",
    "issuer": (
        "IssuerCertificate Keyring RootChange find_issuer follow_roots sign_issuer_certificate "
        "sign_keyring sign_root_acceptance sign_root_change verify_issuer_certificate "
        "verify_keyring verify_root_change"
    ),
    "keys": (
        "SUITES ContentKey IdentityKey IdentityPublicKey SealingKey SealingPublicKey "
        "sign_sealing_key verify_sealing_key"
    ),
    "lease": "Lease lease_key sign_lease verify_lease",
    "licence": "DeviceKeys LicenceClaims OpenedLicence issue_licence open_licence peek_licence",
    "manifest": (
        "DETAILS_INDEX FileEntry Manifest SealedFile associated_data check_entry check_key "
        "open_details package_id read_manifest seal_details sign_manifest"
    ),
    "merkle": "FileHash FileHasher LEAF_SIZE hash_leaves piece_root",
    "package": (
        "SealedPackage associated_data choose_piece_length make_manifest open_file seal_files"
    ),
    "passphrase": "MINIMUM_PASSPHRASE open_box seal_box",
    "proof": "PROOF_MAX_AGE Proof create_proof verify_proof",
    "receipts": (
        "Count Link MAX_COUNTS Receipts following is_link may_count sign_receipts verify_receipts"
    ),
    "recovery": "GROUPS GROUP_SIZE RecoveryKey root_hint",
    "rights": "Action CRITICAL_RIGHTS LeaseTerms Rights decide",
    "shares": "MAX_TRUSTEES Share combine read_share split",
    "signed": (
        "MAX_DOCUMENT_SIZE document_hash key_hint require_nonce require_version sign verify "
        "verify_own_key"
    ),
    "status": "REASONS STATUSES Status device_id read_status sign_status verify_status",
    "stream": (
        "SEGMENT_SIZE StreamReader StreamSealer ciphertext_size encrypt open_reader "
        "plaintext_size read_fully read_into write_fully"
    ),
    "surrender": (
        "HANDOVERS Surrender SurrenderRequest sign_surrender sign_surrender_request "
        "verify_surrender verify_surrender_request"
    ),
    "swarm_authority": (
        "AUTHORITY_LIFETIME MemberCertificate MemberKey create_authority issue_certificate "
        "read_certificate"
    ),
    "trust": "is_retired judge",
    "unlock": (
        "Activation ActivationSecret Grant OpenedUnlock Unlock UnlockGrant open_unlock "
        "read_activation read_unlock sign_unlock write_activation"
    ),
    "wrapping": "DeviceKeys bound_info unwrap_from wrap_into",
}


def test_every_module_is_listed() -> None:
    assert {module.name for module in pkgutil.iter_modules(drm.__path__)} == set(NAMES)


@pytest.mark.parametrize("module", sorted(NAMES))
def test_public_names_are_pinned(module: str) -> None:
    loaded = importlib.import_module(f"drm.{module}")

    assert sorted(loaded.__all__) == sorted(NAMES[module].split())
    for name in loaded.__all__:
        assert hasattr(loaded, name)


def test_codes_and_sentences_of_errors_are_pinned() -> None:
    errors = importlib.import_module("drm.errors")
    codes = {}
    for name in errors.__all__:
        kind = getattr(errors, name)
        if kind in (DrmError, errors.LicenceRefusedError):
            continue
        try:
            error = kind()
        except TypeError:
            error = kind("A sentence.")
        assert str(error) == error.message
        assert error.message.endswith(".")
        codes[name] = error.code

    assert codes == {
        "AuthenticationError": "bad_signature",
        "ExpiredError": "expired",
        "FormatError": "bad_format",
        "KeyMismatchError": "wrong_key",
        "NotYetValidError": "not_yet_valid",
        "OnlineNeededError": "lease_missing",
        "OtherContentError": "other_content",
        "OtherDeviceError": "other_device",
        "PlaysUsedUpError": "plays_used_up",
        "RevokedError": "revoked",
        "RightAbsentError": "right_absent",
        "UnsupportedError": "unsupported",
        "WindowOverError": "window_over",
    }
