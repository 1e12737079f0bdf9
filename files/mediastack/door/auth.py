"""Who may knock: a token, compared in a time that tells nothing about it.

What was given is hashed first, so two texts of fixed length are compared, whatever was sent. No
token at all takes the same way as a wrong one. There is no comparison with an empty expectation:
who has no token configured is let in by nobody.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

BEARER, BASIC = "bearer", "basic"


def digest(token: bytes) -> bytes:
    """What is kept of a token in memory."""
    return hashlib.sha256(token).digest()


NOTHING = digest(b"")


def authorised(given: str, expected: bytes) -> bool:
    """Whether `given` is the token with the digest `expected`; WSGI hands headers as latin-1."""
    same = hmac.compare_digest(digest(given.encode("latin-1", "replace")), expected)
    return same and expected != NOTHING


def bearer(header: str) -> str:
    """Return the token of an Authorization header, "" when it holds none."""
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == BEARER else ""


def basic(header: str) -> str:
    """Return the password of an Authorization header of any user, "" when it holds none."""
    scheme, _, word = header.partition(" ")
    if scheme.lower() != BASIC:
        return ""
    try:
        told = base64.b64decode(word.strip(), validate=True).decode("latin-1")
    except ValueError:
        return ""
    return told.partition(":")[2]
