"""How a secret is spelled inside the configuration file of the app that reads it.

Apps that store a salted hash need the *same* hash at every rendering, or each deploy would find a
difference; so the salt is not random but an HMAC of the secret and its name, under a key that is
made once per host. (Keyed, because a salt that anybody could compute from a guessed password would
let a guesser skip the slow hash.) bcrypt comes from crypt(3) of the host's libcrypt: the standard
library has none, and every Debian and Ubuntu carries libcrypt1.
"""

from __future__ import annotations

import base64
import ctypes
import functools
import hashlib
import hmac
import json
import urllib.parse
from xml.sax import saxutils

# src/base/utils/password.cpp of qBittorrent: PBKDF2-HMAC-SHA512, 16 byte salt, 64 byte key.
PBKDF2_ITERATIONS = 100_000
PBKDF2_KEY_BYTES = 64
SALT_BYTES = 16
# user/util.go of ntfy accepts $2a$, $2b$ and $2y$ with a cost of at least 10.
BCRYPT_PREFIX = "$2b$10$"
BCRYPT_MAXIMUM_BYTES = 72
STANDARD_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
BCRYPT_ALPHABET = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
LIBRARIES = ("libcrypt.so.1", "libcrypt.so.2")

SALTED = ("pbkdf2", "bcrypt")
NAMES = ("", *SALTED, "md5", "urlquote", "xml", "json")


class FilterError(Exception):
    """A filter does not exist or cannot spell this secret; the message never holds the secret."""


def apply(name: str, secret: str, salt: bytes = b"") -> str:
    """Return `secret` as filter `name` spells it; `salt` is 16 bytes, for SALTED filters only.

    "" is the secret itself, "pbkdf2" is "salt:key" as between qBittorrent's @ByteArray( and ),
    "bcrypt" ntfy's password hash, "md5" Bazarr's hex digest, "urlquote" a URL part, "xml" text or
    attribute, "json" the inside of a double-quoted JSON, YAML or TOML string. Raise FilterError.
    """
    if name == "":
        return secret
    if name == "pbkdf2":
        return _pbkdf2(secret, salt)
    if name == "bcrypt":
        return _bcrypt(secret, salt)
    if name == "md5":
        return hashlib.md5(secret.encode(), usedforsecurity=False).hexdigest()
    if name == "urlquote":
        return urllib.parse.quote(secret, safe="")
    if name == "xml":
        return saxutils.escape(secret, {'"': "&quot;", "'": "&apos;"})
    if name == "json":
        return json.dumps(secret)[1:-1]
    raise FilterError(f"unknown filter {name!r}; there are: {', '.join(filter(None, NAMES))}")


def salt(key: bytes, secret: str, context: str) -> bytes:
    """Return the 16 bytes of salt that `secret` has in `context` on the host with this key."""
    message = context.encode() + b"\0" + secret.encode()
    return hmac.new(key, message, hashlib.sha256).digest()[:SALT_BYTES]


@functools.lru_cache(maxsize=32)
def _pbkdf2(secret: str, salt: bytes) -> str:
    key = hashlib.pbkdf2_hmac("sha512", secret.encode(), salt, PBKDF2_ITERATIONS, PBKDF2_KEY_BYTES)
    return f"{base64.b64encode(salt).decode()}:{base64.b64encode(key).decode()}"


@functools.lru_cache(maxsize=32)
def _bcrypt(secret: str, salt: bytes) -> str:
    if len(secret.encode()) > BCRYPT_MAXIMUM_BYTES:
        raise FilterError(f"longer than the {BCRYPT_MAXIMUM_BYTES} bytes that bcrypt reads")
    encoded = base64.b64encode(salt).rstrip(b"=")
    letters = encoded.translate(bytes.maketrans(STANDARD_ALPHABET, BCRYPT_ALPHABET)).decode()
    return crypt(secret, BCRYPT_PREFIX + letters)


def crypt(secret: str, setting: str) -> str:
    """Return crypt(3) of `secret` under `setting` (a salt or a whole hash). Raise FilterError."""
    if "\0" in secret:
        raise FilterError("holds a NUL character, which no password hash reads past")
    function = _library().crypt
    function.restype = ctypes.c_char_p
    function.argtypes = (ctypes.c_char_p, ctypes.c_char_p)
    result = function(secret.encode(), setting.encode())
    # libxcrypt answers a failure token ("*0" or "*1") where others answer NULL.
    if not result or result.startswith(b"*"):
        raise FilterError("the host's libcrypt knows no bcrypt; install the package libcrypt1")
    return bytes(result).decode()


def _library() -> ctypes.CDLL:
    for name in LIBRARIES:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise FilterError("libcrypt.so.1 is not there; install the package libcrypt1")
