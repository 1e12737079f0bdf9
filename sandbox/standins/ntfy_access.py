"""ntfy's declarative access: users, tokens and topic rules of server.yml (or NTFY_AUTH_*).

auth-default-access: deny-all
auth-users:  ["name:$2a$bcrypt...:admin"]
auth-tokens: ["name:tk_...:label"]
auth-access: ["name:topic*:rw"]          (`everyone` or `*`: without a login)
"""

from __future__ import annotations

import base64
import ctypes
import fnmatch
from collections.abc import Sequence

WRITE = {"read-write", "rw", "write-only", "wo", "write"}
READ = {"read-write", "rw", "read-only", "ro", "read"}
EVERYONE = {"everyone", "*"}


class Access:
    """Who may do what; built once at start. Raises ValueError on a malformed entry."""

    def __init__(
        self,
        default: str,
        users: Sequence[str],
        tokens: Sequence[str],
        rules: Sequence[str],
    ) -> None:
        self._default = default
        self._hashes: dict[str, str] = {}
        self._admins: set[str] = set()
        for entry in users:
            name, password_hash, role = _parts(entry, "auth-users", 3)
            if not password_hash.startswith("$2"):
                raise ValueError(f"auth-users: the hash of {name} is not bcrypt")
            self._hashes[name] = password_hash
            if role == "admin":
                self._admins.add(name)
        self._tokens: dict[str, str] = {}
        for entry in tokens:
            name, token = _parts(entry, "auth-tokens", 2, more=True)[:2]
            if not token.startswith("tk_") or name not in self._hashes:
                raise ValueError(f"auth-tokens: bad token, or user {name} is not in auth-users")
            self._tokens[token] = name
        self._rules = [_parts(entry, "auth-access", 3) for entry in rules]

    def user(self, authorization: str) -> str | None:
        """The user of an Authorization header, "" for none given, None for a wrong one."""
        scheme, _, value = authorization.partition(" ")
        if not scheme:
            return ""
        if scheme.lower() == "bearer":
            return self._tokens.get(value.strip())
        try:
            name, _, password = base64.b64decode(value).decode().partition(":")
        except ValueError:
            return None
        if not name:  # Basic with an empty user carries a token
            return self._tokens.get(password)
        known = self._hashes.get(name)
        return name if known is not None and _crypt(password, known) == known else None

    def allows(self, user: str, topic: str, wanted: set[str]) -> bool:
        """May `user` ("" = nobody) do `wanted` (READ or WRITE) on `topic`?"""
        if user in self._admins:
            return True
        for name, pattern, permission in self._rules:
            mine = name == user or name in EVERYONE
            if mine and fnmatch.fnmatchcase(topic, pattern):
                return permission in wanted
        return self._default in wanted


def _parts(entry: str, key: str, count: int, *, more: bool = False) -> list[str]:
    parts = [part.strip() for part in str(entry).split(":")]
    if len(parts) < count or (len(parts) > count and not more):
        raise ValueError(f"{key}: {len(parts)} fields where {count} are expected")
    return parts


def _crypt(password: str, known_hash: str) -> str:
    """bcrypt by the system's libcrypt (Python 3.13 has no crypt module)."""
    library = ctypes.CDLL("libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    result: bytes | None = library.crypt(password.encode(), known_hash.encode())
    return result.decode() if result else ""
