from __future__ import annotations

import pytest
from django.utils import translation

from marketplace.core.money import Money
from marketplace.core.templatetags.geobuk import initial, media_kind, price, size


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0\u00a0KB"),
        (1_500_000, "1.5\u00a0MB"),
        (999_600, "1.0\u00a0MB"),
        (104_857_600, "105\u00a0MB"),
        (3_000_000_000, "3.0\u00a0GB"),
        (5 * 10**15, "5000\u00a0TB"),
    ],
)
def test_sizes_in_words(count: int, text: str) -> None:
    with translation.override("en"):
        assert size(count) == text


def test_a_price_of_nothing_is_free() -> None:
    with translation.override("en"):
        assert price(Money(0, "KRW")) == "Free"
        assert price(Money(1500, "KRW")) == "₩1,500"


@pytest.mark.parametrize(
    ("media_type", "words"),
    [
        ("video/mp4", "Video · MP4"),
        ("audio/flac", "Audio · FLAC"),
        ("application/pdf", "Document · PDF"),
        ("application/zip", "File · ZIP"),
        ("application/octet-stream", "File"),
        ("application/vnd.openxmlformats-officedocument.presentationml.presentation", "File"),
        ("image/svg+xml", "Picture · SVG"),
        ("", "File"),
    ],
)
def test_kinds_of_files_in_words(media_type: str, words: str) -> None:
    with translation.override("en"):
        assert media_kind(media_type) == words


def test_the_initial_skips_what_is_no_letter() -> None:
    assert initial("“거북”") == "거"
    assert initial("…") == "·"
