"""Where Koreans write dates otherwise than Django's own Korean formats: 오후 stands before the hour."""

from __future__ import annotations

DATETIME_FORMAT = "Y년 n월 j일 A g:i"
SHORT_DATE_FORMAT = "Y. n. j."
SHORT_DATETIME_FORMAT = "Y. n. j. A g:i"
