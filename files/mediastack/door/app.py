"""What the door answers: the WSGI application, one request at a time, nothing but files made.

The order is from cheap to dear: an address outside of our bridge, a peer that knocks too often, an
unknown path, another method, the token (a wrong caller is told the same as a wrong token), the
length, the body, and at last the journal. 202 is said when the delivery is on disk. A body is never
quoted, not in an answer and not in a log. Threads share the counters below, under one lock.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol
from urllib.parse import parse_qs

from mediastack.door import auth, bodies, limits, settings
from mediastack.door.journal import Full, Journal

LARGEST_BODY = 256 * 1024
LARGEST_MESSAGE = 64 * 1024
HOOK_WUD, HOOK_MESSAGES = "/hooks/wud", "/hooks/notify/"
ABUSE = "abuse"
REASONS = {
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    411: "Length Required",
    413: "Content Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}

Environment = Mapping[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], object]


class Metrics(Protocol):
    """What is counted."""

    def answered(self, hook: str, status: int) -> None:
        """One request is over."""

    def delivered(self, source: str, new: bool) -> None:
        """One delivery is on disk, or was already."""

    def text(self, waiting: int) -> bytes:
        """All of it, as Prometheus reads it."""


class Answer(NamedTuple):
    """A status and what goes with it."""

    status: int
    content: bytes = b""
    kind: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


class Refused(Exception):
    """The request ends here, with this answer."""

    def __init__(self, status: int, why: str, *headers: tuple[str, str]) -> None:
        super().__init__(why)
        self.answer = Answer(status, _json({"error": why}), headers=headers)


class App:
    """`load` gives the settings of that moment; `tokens` maps a caller to its token's digest."""

    def __init__(
        self,
        load: Callable[[], settings.Settings],
        tokens: Mapping[str, bytes],
        journal: Journal,
        metrics: Metrics,
        *,
        sources: Iterable[str] = (),
        rate: limits.Rate | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._tokens = tokens
        self._journal = journal
        self._metrics = metrics
        self._sources = frozenset(sources)
        self._rate = rate or limits.Rate()
        self._refusals = limits.Refusals()
        self._clock = clock
        self._counting = threading.Lock()

    def __call__(self, environment: Environment, start: StartResponse) -> list[bytes]:
        """Answer one request; a mistake of ours is a 500, and never the end of the door."""
        path = str(environment.get("PATH_INFO", ""))
        try:
            answer = self._answer(environment, path)
        except Refused as refused:
            answer = refused.answer
        except Exception:
            traceback.print_exc()
            answer = Answer(500, _json({"error": "a mistake of the door's own"}))
        self._metrics.answered(self._hook(path), answer.status)
        headers = [
            ("Content-Type", answer.kind),
            ("Content-Length", str(len(answer.content))),
            ("Cache-Control", "no-store"),
            *answer.headers,
        ]
        start(f"{answer.status} {REASONS[answer.status]}", headers)
        return [answer.content]

    def _answer(self, environment: Environment, path: str) -> Answer:
        known = self._load()
        peer = str(environment.get("REMOTE_ADDR", ""))
        if not known.inside(peer):
            raise Refused(403, "not from here")
        with self._counting:
            allowed = self._rate.allows(peer, self._clock())
        if not allowed:
            raise Refused(429, "too many requests", ("Retry-After", "60"))
        hook = self._hook(path)
        if not hook:
            raise Refused(404, "no such path")
        wanted = "POST" if hook in self._sources or hook == settings.WUD else "GET"
        if environment.get("REQUEST_METHOD") != wanted:
            raise Refused(405, "another method", ("Allow", wanted))
        if hook == "healthz":
            return self._health()
        if hook == "metrics":
            return Answer(200, self._metrics.text(self._journal.waiting()), "text/plain")
        self._authorise(environment, known, hook, peer)
        body = bodies_of(environment, LARGEST_BODY if hook == settings.WUD else LARGEST_MESSAGE)
        return self._take(hook, body, known)

    def _hook(self, path: str) -> str:
        """The name of what is at a path, "" for nothing."""
        if path in ("/healthz", "/metrics"):
            return path[1:]
        if path == HOOK_WUD:
            return settings.WUD
        source = path.removeprefix(HOOK_MESSAGES)
        return source if source != path and source in self._sources else ""

    def _health(self) -> Answer:
        healthy = self._journal.healthy()
        return Answer(200 if healthy else 503, _json({"healthy": healthy}))

    def _authorise(
        self, environment: Environment, known: settings.Settings, hook: str, peer: str
    ) -> None:
        """Raise Refused unless this peer may use this hook."""
        here = known.allowed.get(hook) == peer
        if hook in settings.BY_ADDRESS:
            let_in = here
        else:
            given = _token(environment, hook)
            # Both are always looked at: neither is told apart from the other.
            let_in = auth.authorised(given, self._tokens.get(hook, auth.NOTHING)) and here
        if not let_in:
            # The host itself asks without a token to see that it is refused (doctor, smoke).
            if not known.is_host(peer):
                self._refused(peer)
            raise Refused(401, "not authorised", ("WWW-Authenticate", "Bearer"))

    def _refused(self, peer: str) -> None:
        """Many of them in a while are one message to the user; the inbox writes it."""
        with self._counting:
            tell = self._refusals.note(self._clock())
        if not tell:
            return
        print(f"mediastack door: {limits.REFUSALS} refused, the last was {peer}", file=sys.stderr)
        try:
            self._journal.deliver(ABUSE, ABUSE, {"peer": peer, "count": limits.REFUSALS})
        except (Full, OSError) as error:
            print(f"mediastack door: cannot tell of it: {error}", file=sys.stderr)
            with self._counting:
                self._refusals.take_back()

    def _take(self, hook: str, raw: bytes, known: settings.Settings) -> Answer:
        """Put the delivery on disk, then say so."""
        ignored = 0
        try:
            body = bodies.read(raw)
            if hook == settings.WUD:
                found, ignored = bodies.hints(body, known.known)
                entries: list[tuple[Any, dict[str, Any]]] = [
                    (list(hint), hint._asdict()) for hint in found
                ]
            else:
                entries = [(hashlib.sha256(raw).hexdigest(), {"body": body})]
        except bodies.BadBody as error:
            raise Refused(400, f"the body {error}") from error
        for key, content in entries:
            try:
                new = self._journal.deliver(hook, key, content)
            except Full as error:
                raise Refused(503, "too much is waiting", ("Retry-After", "60")) from error
            except OSError as error:
                print(f"mediastack door: cannot write: {error}", file=sys.stderr)
                raise Refused(503, "cannot write", ("Retry-After", "60")) from error
            self._metrics.delivered(hook, new)
        return Answer(202, _json({"accepted": len(entries), "ignored": ignored}))


def bodies_of(environment: Environment, largest: int) -> bytes:
    """Return the whole body of a request. Raise Refused."""
    told = str(environment.get("CONTENT_LENGTH") or "")
    if not told:
        raise Refused(411, "a length is needed")
    if not (told.isascii() and told.isdecimal()):
        raise Refused(400, "that is no length")
    if len(told) > len(str(largest)) or int(told) > largest:
        raise Refused(413, f"more than {largest} bytes")
    raw: bytes = environment["wsgi.input"].read(int(told))
    if len(raw) != int(told):
        raise Refused(400, "the body ended too early")
    return raw


def _token(environment: Environment, hook: str) -> str:
    """The token that a caller shows, "" for none."""
    header = str(environment.get("HTTP_AUTHORIZATION", ""))
    if hook in settings.IN_THE_QUERY:
        try:
            query = parse_qs(str(environment.get("QUERY_STRING", "")), max_num_fields=8)
        except ValueError:
            return ""
        return query.get("token", [""])[0]
    # Some applications can only be given an address with a password in it.
    return auth.bearer(header) or ("" if hook == settings.WUD else auth.basic(header))


def _json(value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"
