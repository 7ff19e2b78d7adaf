"""Tink opens what we seal, and we open what Tink seals."""

from __future__ import annotations

import io

import pytest
import tink
from tink import cleartext_keyset_handle, streaming_aead
from tink.proto import aes_gcm_hkdf_streaming_pb2, common_pb2, tink_pb2

from drm.stream import SEGMENT_SIZE, encrypt, open_reader
from tests.drm.house import KEY, pattern

AD = b"where it belongs"
SIZES = [
    0,
    1,
    SEGMENT_SIZE - 57,
    SEGMENT_SIZE - 56,
    SEGMENT_SIZE - 55,
    2 * SEGMENT_SIZE - 72,
    300_000,
]


class Kept(io.BytesIO):
    kept = b""

    def close(self) -> None:
        if not self.closed:
            self.kept = self.getvalue()
        super().close()


@pytest.fixture(scope="module")
def primitive() -> streaming_aead.StreamingAead:
    streaming_aead.register()
    key = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey(
        version=0,
        key_value=KEY.to_bytes(),
        params=aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingParams(
            ciphertext_segment_size=SEGMENT_SIZE,
            derived_key_size=32,
            hkdf_hash_type=common_pb2.SHA256,
        ),
    )
    keyset = tink_pb2.Keyset(
        primary_key_id=1,
        key=[
            tink_pb2.Keyset.Key(
                key_data=tink_pb2.KeyData(
                    type_url="type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey",
                    value=key.SerializeToString(),
                    key_material_type=tink_pb2.KeyData.SYMMETRIC,
                ),
                status=tink_pb2.ENABLED,
                key_id=1,
                output_prefix_type=tink_pb2.RAW,
            )
        ],
    )
    handle = cleartext_keyset_handle.read(tink.BinaryKeysetReader(keyset.SerializeToString()))
    return handle.primitive(streaming_aead.StreamingAead)


@pytest.mark.parametrize("size", SIZES)
def test_tink_opens_ours(primitive: streaming_aead.StreamingAead, size: int) -> None:
    sink = io.BytesIO()
    encrypt(io.BytesIO(pattern(size)), sink, key=KEY, associated_data=AD)

    with primitive.new_decrypting_stream(io.BytesIO(sink.getvalue()), AD) as stream:
        assert stream.read() == pattern(size)


@pytest.mark.parametrize("size", SIZES)
def test_we_open_tinks(primitive: streaming_aead.StreamingAead, size: int) -> None:
    sink = Kept()
    with primitive.new_encrypting_stream(sink, AD) as stream:
        stream.write(pattern(size))

    reader = open_reader(io.BytesIO(sink.kept), size=len(sink.kept), key=KEY, associated_data=AD)
    assert reader.read() == pattern(size)
