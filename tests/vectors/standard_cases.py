"""What the format takes from elsewhere, and its arithmetic: RFC 8032, RFC 9180, JSON, sizes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

from Crypto.SelfTest.Signature.test_eddsa import rfc8032_tv_str

from drm.encoding import b64u
from drm.stream import SEGMENT_SIZE
from tests.drm.house import KEY
from tests.vectors.tools import Case, Row, base, drawn, flipped, hpke_seal, sealed

# RFC 9180's vectors: mode_base, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
RFC_9180: Final = {
    "info": "4f6465206f6e2061204772656369616e2055726e",
    "private": "497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d",
    "ephemeral": "179d4b53b6365c45b600c4163b61d95cbc2f4d9e36f1695558dce265ab8bab11",
    "public": "430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c",
    "enc": "6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256",
    "aad": "436f756e742d30",
    "ct": "e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be9931980a41de125a925cd"
    "ad859d5b7a",
    "pt": "4265617574792069732074727574682c20747275746820626561757479",
}
# RFC 8032, section 7.1, "TEST SHA(abc)".
SHA_ABC: Final = (
    "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
    "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
    hashlib.sha512(b"abc").hexdigest(),
    (
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
        "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"
    ),
)
# Where segments end (section 4.3).
SIZES: Final = (
    0,
    1,
    65479,
    65480,
    65481,
    130999,
    131000,
    131001,
    196519,
    196520,
    196521,
    2**32 - 1,
    2**32,
    2**32 + 1,
    65520 * 2**32 - 40,
)


def ed25519_base() -> Case:
    """Return the first case of RFC 8032, section 7.1."""
    return {"kind": "ed25519", "outcome": "ok"} | _rfc_8032(0)


def _rfc_8032(number: int) -> Case:
    seed, public, message, _, _, signature = rfc8032_tv_str[number]
    return _signed(seed, public, message, signature)


def _signed(*values: str) -> Case:
    names = ("seed", "public", "message", "signature")
    return {name: b64u(bytes.fromhex(value)) for name, value in zip(names, values, strict=True)}


def ed25519() -> Iterator[Row]:
    """RFC 8032, section 7.1, and signatures that a lax reader takes."""
    for number, name in enumerate(("1", "2", "3", "1024")):
        yield f"test-{name}", "ok", _rfc_8032(number)
    yield "test-sha-abc", "ok", _signed(*SHA_ABC)
    _, public, _, _, _, signature = rfc8032_tv_str[1]
    good = bytes.fromhex(signature)
    yield "other-message", "bad_signature", _rfc_8032(1) | {"message": ""}
    for position in (0, 31, 32, 63):
        changed = b64u(flipped(good, position))
        yield f"changed-byte-{position}", "bad_signature", _rfc_8032(1) | {"signature": changed}
    order = 2**252 + 27742317777372353535851937790883648493
    scalar = (int.from_bytes(good[32:], "little") + order).to_bytes(32, "little")
    yield (
        "s-beyond-the-order",
        "bad_signature",
        _rfc_8032(1) | {"signature": b64u(good[:32] + scalar)},
    )
    yield "cut", "bad_signature", _rfc_8032(1) | {"signature": b64u(good[:63])}
    yield "short-key", "bad_format", _rfc_8032(1) | {"public": b64u(bytes.fromhex(public)[:31])}


def hpke_base() -> Case:
    """Return the case of RFC 9180 with the associated data left empty, as this format has it."""
    given = {name: bytes.fromhex(text) for name, text in RFC_9180.items()}
    enc, ct = hpke_seal(
        given["pt"],
        info=given["info"],
        ephemeral=given["ephemeral"],
        recipient=given["public"],
    )
    # The RFC's own ciphertext has associated data: that our maker reproduces it vouches for ours.
    published = hpke_seal(
        given["pt"],
        info=given["info"],
        ephemeral=given["ephemeral"],
        recipient=given["public"],
        aad=given["aad"],
    )
    if published != (given["enc"], given["ct"]):
        raise ValueError("the maker of vectors does not reproduce RFC 9180")
    return {
        "kind": "hpke",
        "outcome": "ok",
        "private": b64u(given["private"]),
        "enc": b64u(enc),
        "ct": b64u(ct),
        "info": b64u(given["info"]),
        "plain": b64u(given["pt"]),
    }


def hpke() -> Iterator[Row]:
    """HPKE as sections 6.4 and 13.1 use it."""
    yield "rfc-9180", "ok", {}
    given = {name: bytes.fromhex(text) for name, text in RFC_9180.items()}
    public = given["public"]
    for name, plain, info in (("empty", b"", b""), ("content-key", KEY.value, b"label" * 20)):
        own = drawn(32, "hpke", name)
        enc, ct = hpke_seal(plain, info=info, ephemeral=own, recipient=public)
        made = {"enc": enc, "ct": ct, "info": info, "plain": plain}
        yield name, "ok", {field: b64u(value) for field, value in made.items()}
    published = {"ct": b64u(given["ct"])}
    yield "with-associated-data", "wrong_key", published
    enc, ct = hpke_seal(
        given["pt"],
        info=given["info"],
        ephemeral=given["ephemeral"],
        recipient=public,
        psk=(bytes(32), b"id"),
    )
    yield "mode-psk", "wrong_key", {"enc": b64u(enc), "ct": b64u(ct)}
    yield "other-info", "wrong_key", {"info": b64u(given["info"] + b"\x00")}
    yield "other-private-key", "wrong_key", {"private": b64u(KEY.value)}
    raw = bytes.fromhex(RFC_9180["ct"])
    yield "empty-ciphertext", "wrong_key", {"ct": ""}
    yield "tag-alone", "wrong_key", {"ct": b64u(raw[:16])}
    points = {
        "zeros": bytes(32),
        "one": (1).to_bytes(32, "little"),
        "order-8": bytes.fromhex(
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"
        ),
        "p-minus-1": bytes.fromhex("ec" + "ff" * 30 + "7f"),
        "p": bytes.fromhex("ed" + "ff" * 30 + "7f"),
        "31-bytes": bytes(31),
        "33-bytes": given["enc"] + b"\x00",
    }
    for name, point in points.items():
        yield f"point-{name}", "wrong_key", {"enc": b64u(point)}


def json_base() -> Case:
    """Return an object and its canonical bytes."""
    return {"kind": "json", "outcome": "ok"} | _json('{"v":1}', '{"v":1}')


def _json(text: str | bytes, canonical: str = "") -> Case:
    data = text if isinstance(text, bytes) else text.encode()
    return {"text": b64u(data), "canonical": b64u(canonical.encode())}


def _nested(levels: int) -> str:
    return '{"a":' + "[" * (levels - 1) + "]" * (levels - 1) + "}"


def json_texts() -> Iterator[Row]:
    """JSON of this format, and texts that are none (section 1.2)."""
    good: dict[str, tuple[str, str]] = {
        "empty": ("{}", "{}"),
        "sorted": ('{"b":1,"a":2,"B":3}', '{"B":3,"a":2,"b":1}'),
        "numbers-as-names": ('{"10":1,"9":2}', '{"10":1,"9":2}'),
        "name-of-nothing": ('{"":1}', '{"":1}'),
        "proto": ('{"__proto__":{"v":1},"v":2}', '{"__proto__":{"v":1},"v":2}'),
        "white-space": (' {\t"a" :\r\n[ 1 , 2 ] } ', '{"a":[1,2]}'),
        "nested": (
            '{"a":[[],{},[{"b":null}],true,false]}',
            '{"a":[[],{},[{"b":null}],true,false]}',
        ),
        "largest": ('{"a":9007199254740991}', '{"a":9007199254740991}'),
        "smallest": ('{"a":-9007199254740991}', '{"a":-9007199254740991}'),
        "64-levels": (_nested(64), _nested(64)),
        "minus-zero": ('{"a":-0}', '{"a":0}'),
        "escapes": ('{"a":"\\u0041\\/\\b\\f\\n\\r\\t\\"\\\\"}', '{"a":"A/\\b\\f\\n\\r\\t\\"\\\\"}'),
        "controls": ('{"a":"\\u0000\\u001F\\u007f"}', '{"a":"\\u0000\\u001f\x7f"}'),
        "pair": ('{"a":"\\ud83d\\udc22"}', '{"a":"🐢"}'),
        "unescaped": ('{"a":"거북🐢\u2028"}', '{"a":"거북🐢\u2028"}'),
    }
    for name, (text, canonical) in good.items():
        yield name, "ok", _json(text, canonical)
    bad: dict[str, str | bytes] = {
        "no-bytes": "",
        "list": "[]",
        "65-levels": _nested(65),
        "5000-levels": _nested(5000),
        "number": "1",
        "said-twice": '{"a":1,"a":1}',
        "said-twice-by-an-escape": '{"a":1,"\\u0061":1}',
        "said-twice-inside": '{"a":[{"b":1,"b":2}]}',
        "fraction": '{"a":1.0}',
        "exponent": '{"a":1e0}',
        "capital-exponent": '{"a":1E0}',
        "plus": '{"a":+1}',
        "leading-zero": '{"a":01}',
        "minus-alone": '{"a":-}',
        "hexadecimal": '{"a":0x1}',
        "not-a-number": '{"a":NaN}',
        "infinity": '{"a":Infinity}',
        "too-large": '{"a":9007199254740992}',
        "too-small": '{"a":-9007199254740992}',
        "far-too-large": '{"a":1' + "0" * 400 + "}",
        "single-quotes": "{'a':1}",
        "bare-name": "{a:1}",
        "name-beyond-ascii": '{"é":1}',
        "name-beyond-ascii-by-an-escape": '{"\\u00e9":1}',
        "name-beyond-ascii-inside": '{"a":[{"é":1}]}',
        "comma-at-the-end": '{"a":1,}',
        "comma-at-the-start": '{,"a":1}',
        "comma-in-a-list": '{"a":[1,]}',
        "comment": '{"a":1}//',
        "two": "{}{}",
        "open": '{"a":1',
        "unknown-word": '{"a":nul}',
        "word-in-capitals": '{"a":True}',
        "half-a-character": '{"a":"\\ud800"}',
        "other-half": '{"a":"\\udc00\\ud800"}',
        "half-a-character-as-name": '{"\\ud800":1}',
        "bare-control": b'{"a":"\x01"}',
        "bare-line-break": '{"a":"\n"}',
        "unknown-escape": '{"a":"\\x41"}',
        "short-escape": '{"a":"\\u041"}',
        "open-text": '{"a":"b}',
        "no-utf-8": b'{"a":"\xff"}',
        "overlong-utf-8": b'{"a":"\xc0\xaf"}',
        "surrogate-in-utf-8": b'{"a":"\xed\xa0\x80"}',
        "byte-order-mark": b"\xef\xbb\xbf{}",
        "utf-16": '{"a":1}'.encode("utf-16-le"),
        "no-break-space": '\u00a0{"a":1}',
        "form-feed": '\f{"a":1}',
    }
    for name, fault in bad.items():
        yield name, "bad_format", _json(fault)


def size_base() -> Case:
    """Return the sizes of an empty file."""
    return {"kind": "size", "outcome": "ok", "plain_size": 0, "ciphertext_size": 56}


def sizes() -> Iterator[Row]:
    """Plain and sealed sizes, and sizes of no file (section 4.3)."""
    for size in SIZES:
        segments = max(1, -(-(size + 40) // 65520))
        made = {"plain_size": size, "ciphertext_size": size + 40 + 16 * segments}
        yield f"{size}-bytes", "ok", made
    for size in (-1, 0, 55, 65537, 65552, 131073, 131088, 65536 * 2**32 + 17, 2**53 - 1):
        yield f"sealed-{size}", "bad_format", {"plain_size": None, "ciphertext_size": size}


def sealing_base() -> Case:
    """Return what a file of one byte becomes."""
    return {"kind": "sealing", "outcome": "ok", "key": b64u(KEY.value)} | _sealing(1)


def _sealing(size: int) -> Case:
    case = base("stream-one-byte")
    plain = bytes(i % 251 for i in range(size))
    cipher = sealed(plain, seal_id=case["seal_id"], index=0)
    return {
        "seal_id": case["seal_id"],
        "index": 0,
        "salt": b64u(cipher[1:33]),
        "prefix": b64u(cipher[33:40]),
        "plain_size": size,
        "plain_sha256": hashlib.sha256(plain).hexdigest(),
        "ciphertext_size": len(cipher),
        "ciphertext_sha256": hashlib.sha256(cipher).hexdigest(),
    }


def sealings() -> Iterator[Row]:
    """Files as they are sealed under a given salt and prefix; the test lets Tink open them."""
    for size in SIZES:
        if size <= 3 * SEGMENT_SIZE:
            yield f"{size}-bytes", "ok", _sealing(size)
