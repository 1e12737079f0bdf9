"""qBittorrent's web API, as far as its listening port goes.

The session's cookie is kept whatever its name (5.1: SID, 5.2: QBT_SID_<port>). A login is a call of
its own that the caller decides upon: after five that fail, qBittorrent bans our address for an
hour, the right password included, and it never forgets one before a login succeeds or it restarts.
Facts: 5.1 answers a login 200 "Ok." or "Fails.", 5.2 204 or 401, both 403 when banned; a request
without a session gets 403 (5.2: also 401). Values are set by POST, any 2xx is yes.
"""

from __future__ import annotations

import json
from typing import Any, TypedDict
from urllib.parse import urlencode

from mediastack import http_client
from mediastack.http_client import Answer, NoAnswer

# It computes 100,000 rounds of a hash for it, which takes a small board half a second.
LOGIN_SECONDS = 5.0


class Client(TypedDict):
    """What of qBittorrent's preferences concerns the port; `random` is the same as port 0."""

    port: int
    random: bool
    upnp: bool
    interface: str


class TorrentError(Exception):
    """qBittorrent gave no usable answer; the message says why, and no password."""


class LoginNeeded(Exception):
    """There is no session, or it has ended."""


class QBittorrent:
    """One web API and our session there."""

    def __init__(self, url: str, user: str, password_file: str) -> None:
        self._url = url.rstrip("/")
        self._user = user
        self._password_file = password_file
        self._cookies: dict[str, str] = {}

    def preferences(self) -> Client:
        """Return what it is set to. Raise LoginNeeded, TorrentError."""
        answer = self._call("GET", "app/preferences")
        if answer.status in (401, 403):
            raise LoginNeeded
        try:
            found: Any = json.loads(answer.body) if answer.status == 200 else None
            return {
                "port": int(found["listen_port"]),
                "random": bool(found.get("random_port", False)),
                "upnp": bool(found.get("upnp", False)),
                "interface": str(found.get("current_network_interface", "")),
            }
        except (ValueError, TypeError, KeyError, AttributeError):
            raise TorrentError(f"its web API answers {answer.status} with no preferences") from None

    def change(self, values: dict[str, Any]) -> None:
        """Set preferences, by their names in the API. Raise LoginNeeded, TorrentError."""
        answer = self._call("POST", "app/setPreferences", {"json": json.dumps(values)})
        if answer.status in (401, 403):
            raise LoginNeeded
        if not 200 <= answer.status < 300:
            raise TorrentError(f"its web API answers {answer.status} to a change")

    def login(self) -> str:
        """Try the password of the file, read now; return "ok", "refused", "banned", "lost" (it may
        have counted), "unsent", or "strange" (an answer that no qBittorrent gives)."""
        try:
            with open(self._password_file, encoding="utf-8") as stream:
                password = stream.read().strip()
        except (OSError, ValueError):
            return "unsent"
        self._cookies.clear()
        form = {"username": self._user, "password": password}
        try:
            answer = self._call("POST", "auth/login", form, LOGIN_SECONDS)
        except TorrentError as error:
            cause = error.__cause__
            return "lost" if not isinstance(cause, NoAnswer) or cause.sent else "unsent"
        said = answer.body.strip()
        if answer.status in (200, 204) and said in (b"Ok.", b"") and self._cookies:
            return "ok"
        if answer.status == 401 or (answer.status, said) == (200, b"Fails."):
            return "refused"
        return "banned" if answer.status == 403 else "strange"

    def _call(
        self,
        method: str,
        path: str,
        form: dict[str, str] | None = None,
        timeout_seconds: float = http_client.TIMEOUT_SECONDS,
        *,
        maximum_bytes: int = http_client.MAXIMUM_BYTES,
    ) -> Answer:
        headers = {}
        if self._cookies:
            headers["Cookie"] = "; ".join(
                f"{name}={value}" for name, value in self._cookies.items()
            )
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            answer = http_client.request(
                method,
                f"{self._url}/api/v2/{path}",
                headers=headers,
                body=None if form is None else urlencode(form).encode(),
                timeout_seconds=timeout_seconds,
                maximum_bytes=maximum_bytes,
            )
        except NoAnswer as error:
            raise TorrentError(f"its web API does not answer ({error})") from error
        for name, text in answer.headers:
            if name == "set-cookie":
                key, _, value = text.partition(";")[0].partition("=")
                self._cookies[key.strip()] = value.strip()
        return answer
