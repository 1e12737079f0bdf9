"""canaries: whatever a secret is wrapped in, one of its forms is found; nothing else is."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, urlencode

from hypothesis import given
from hypothesis import strategies as st

from checks import canaries

PRINTABLE = st.text(st.characters(codec="ascii", min_codepoint=33, max_codepoint=126))
SECRETS = st.text("abcdefXYZ0189+/=_-", min_size=20, max_size=44)
WRAPPINGS = st.sampled_from(
    [
        lambda text: text,
        lambda text: base64.b64encode(text.encode()).decode(),
        lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
        lambda text: text.encode().hex(),
        lambda text: text.encode().hex().upper(),
        lambda text: quote(text, safe=""),
        lambda text: urlencode({"key": text}),
        lambda text: json.dumps({"key": text}).replace("/", "\\/"),
    ]
)


@given(SECRETS, PRINTABLE, PRINTABLE, WRAPPINGS)
def test_a_secret_is_found_in_whatever_it_is_wrapped(secret, before, after, wrap) -> None:  # type: ignore[no-untyped-def]
    known = canaries.collect([("sonarr", "api_key", secret)])
    assert known.found_in(f"...{wrap(before + secret + after)}...") == {"sonarr/api_key"}


@given(SECRETS, SECRETS)
def test_another_secret_is_not_taken_for_it(secret: str, other: str) -> None:
    known = canaries.collect([("sonarr", "api_key", secret)])
    if not any(form in other for form in canaries.forms(secret)):
        assert known.found_in(other) == set()


def test_a_copy_is_one_secret_that_more_services_may_hold() -> None:
    value = "0123456789abcdef0123456789abcdef"
    known = canaries.collect([("sonarr", "api_key", value), ("bazarr", "sonarr_api_key", value)])
    assert known.owners == {"sonarr/api_key": ["sonarr", "bazarr"]}
    assert known.found_in(value) == {"sonarr/api_key"}
