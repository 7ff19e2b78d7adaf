"""The code on paper: what is typed wrongly is named, and never taken for another key."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drm.errors import FormatError, UnsupportedError
from drm.recovery import ALPHABET, GROUP_SIZE, GROUPS, RecoveryKey, root_hint
from tests.drm.house import ISSUER, ROOT

KEY = RecoveryKey(bytes(range(50, 82)))
CODE = KEY.code(ROOT.public)
keys = st.binary(min_size=32, max_size=32).map(RecoveryKey)


def test_the_code_is_this() -> None:
    # What stands on paper must open for as long as the paper lasts.
    assert re.fullmatch("-".join([f"[{ALPHABET}]{{{GROUP_SIZE}}}"] * GROUPS), CODE)
    assert KEY.identity.public.thumbprint == "raBq58_q7eibZTa6qyw_6MoF2lNatcFXQkxv166F0E0"
    assert CODE == (
        "68SK80-D9P6W8-W3JEHP-V7GYKA-WFT08H-5146H2-258S34-MGJAA4-9D64T2-KJFA1B-8X90DJ-PPK0QP"
    )


@settings(max_examples=100)
@given(keys)
def test_every_key_comes_back(key: RecoveryKey) -> None:
    assert RecoveryKey.from_code(key.code(ISSUER.public)) == (key, root_hint(ISSUER.public))


@pytest.mark.parametrize(
    "spelled",
    [
        CODE.lower(),
        CODE.replace("-", " "),
        CODE.replace("-", ""),
        CODE.replace("-", " – \n"),
        CODE.replace("0", "o").replace("1", "l"),
        CODE.replace("0", "O").replace("1", "I"),
        f"  {CODE}\n",
    ],
)
def test_what_people_write_is_forgiven(spelled: str) -> None:
    assert RecoveryKey.from_code(spelled) == (KEY, root_hint(ROOT.public))


def test_every_single_wrong_character_names_its_group() -> None:
    for position, letter in enumerate(CODE):
        if letter == "-":
            continue
        for other in ALPHABET:
            if other == letter:
                continue
            wrong = CODE[:position] + other + CODE[position + 1 :]
            with pytest.raises(FormatError, match=rf"Group {position // 7 + 1} of the code"):
                RecoveryKey.from_code(wrong)


@settings(max_examples=50)
@given(keys)
def test_exchanged_neighbours_and_groups_are_named(key: RecoveryKey) -> None:
    groups = key.code(ROOT.public).split("-")
    for index, group in enumerate(groups):
        for at in range(GROUP_SIZE - 1):
            swapped = group[:at] + group[at + 1] + group[at] + group[at + 2 :]
            if swapped != group:
                with pytest.raises(FormatError, match=f"Group {index + 1} of the code"):
                    RecoveryKey.from_code(
                        "-".join([*groups[:index], swapped, *groups[index + 1 :]])
                    )
    with pytest.raises(FormatError, match="Group 1 of the code"):
        RecoveryKey.from_code("-".join([groups[1], groups[0], *groups[2:]]))


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("", "0 characters instead of 72"),
        (CODE[:-1], "Group 12 of the code has 5 characters"),
        (CODE.replace("-", "")[:-1], "71 characters instead of 72"),
        (CODE + "0", "Group 12 of the code has 7 characters"),
        (CODE.replace("-", "") + "0", "73 characters instead of 72"),
        ("U" + CODE[1:], "Group 1 of the code"),
        (CODE.replace("-", "")[1:], "Group 1 of the code"),
        ("거북" + CODE[2:], "Group 1 of the code"),
    ],
)
def test_what_is_no_code_is_refused(typed: str, sentence: str) -> None:
    with pytest.raises(FormatError, match=sentence):
        RecoveryKey.from_code(typed)


def test_the_keys_of_the_paper_are_several() -> None:
    wing = KEY.sealing("X-Wing")

    derived = {KEY.to_bytes(), KEY.identity.to_bytes(), KEY.sealing().to_bytes(), wing.to_bytes()}
    assert len(derived) == 4
    assert wing.suite == "X-Wing"
    with pytest.raises(UnsupportedError):
        KEY.sealing("ROT13")


def test_the_key_does_not_show() -> None:
    assert repr(KEY) == "<RecoveryKey (secret)>"
