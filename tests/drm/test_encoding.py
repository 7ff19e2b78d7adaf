"""One spelling for every value: base64url and canonical JSON."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drm.encoding import b64u, canonical_json, from_b64u, member, parse_object, time_from
from drm.errors import FormatError

names = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=10,
)


@given(st.binary(max_size=100))
def test_base64url_comes_back(data: bytes) -> None:
    assert from_b64u(b64u(data)) == data
    assert "=" not in b64u(data)


@pytest.mark.parametrize(
    "text", ["AB", "AA==", "A", "A A", "AA\n", "+/8", "한글", "AAAA!", None, 5, b"AAAA"]
)
def test_a_second_spelling_is_refused(text: object) -> None:
    with pytest.raises(FormatError):
        from_b64u(text)


@given(st.dictionaries(names, values, max_size=5))
def test_json_comes_back_and_is_canonical(value: dict[str, Any]) -> None:
    data = canonical_json(value)

    assert parse_object(data) == value
    assert canonical_json(parse_object(data)) == data
    assert canonical_json(dict(reversed(value.items()))) == data


def test_canonical_json_is_that_of_rfc_8785() -> None:
    # RFC 8785, section 3.2.2, without its numbers.
    value = {
        "string": '€$\u000f\nA\'B"\\\\"/',
        "literals": [None, True, False],
    }

    assert canonical_json(value) == (
        b'{"literals":[null,true,false],"string":"\xe2\x82\xac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"5",
        b"null",
        b"{",
        b'{"a":1.5}',
        b'{"a":1e3}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"b":1}}',
        b'{"a":9007199254740992}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":"\xff"}',
        b'{"a":"\\ud800"}',
        b'{"a":["\\udfff x"]}',
        '{"é":1}'.encode(),
        b'{"a":' * 100_000,
        b'{"a":1} x',
    ],
)
def test_what_is_no_plain_object_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        parse_object(data)


@pytest.mark.parametrize("value", [1.5, b"bytes", {1: 2}, {"a": {"é": 1}}, "\ud800", 2**53, {1}])
def test_what_the_format_cannot_carry_is_refused(value: object) -> None:
    with pytest.raises(FormatError):
        canonical_json({"a": value})


@pytest.mark.parametrize(("value", "kind"), [(True, int), (1, bool), ("1", int), (None, str)])
def test_a_member_of_another_type_is_refused(value: object, kind: type) -> None:
    with pytest.raises(FormatError, match="a"):
        member({"a": value}, "a", kind)


@pytest.mark.parametrize("moment", [2**53 - 1, -(2**53) + 1, "2026-11-25", None, True])
def test_what_is_no_time_is_refused(moment: object) -> None:
    with pytest.raises(FormatError):
        time_from({"iat": moment}, "iat")
