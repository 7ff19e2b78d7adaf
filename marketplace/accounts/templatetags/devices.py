from __future__ import annotations

from django import template

from marketplace.accounts.services import fingerprint

register = template.Library()
register.filter("fingerprint", fingerprint)
