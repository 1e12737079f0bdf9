"""Doors that are wrong in a way that people have built."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
from collections.abc import Iterator
from typing import Any
from unittest import mock

from checks import webhook_house as house
from checks.framework import Break, Context
from mediastack import atomic
from mediastack.door import app, auth, bodies, journal, limits, server

_numbers = itertools.count()


@contextlib.contextmanager
def no_token(context: Context) -> Iterator[None]:
    """Whoever knows the address is let in."""
    with mock.patch.object(auth, "authorised", lambda *_: True):
        yield


@contextlib.contextmanager
def any_caller(context: Context) -> Iterator[None]:
    """The token is enough, wherever it comes from."""
    real = app.App._authorise

    def authorise(self: app.App, environment: Any, known: Any, hook: str, peer: str) -> None:
        real(self, environment, known, hook, known.allowed.get(hook, peer))

    with mock.patch.object(app.App, "_authorise", authorise):
        yield


@contextlib.contextmanager
def silent(context: Context) -> Iterator[None]:
    """Thousands may be refused, and nobody hears of it."""
    with mock.patch.object(limits.Refusals, "note", lambda *_: False):
        yield


@contextlib.contextmanager
def compares_texts(context: Context) -> Iterator[None]:
    """The token is kept as it is, and compared with ==."""

    def authorised(given: str, expected: bytes) -> bool:
        return given == house.TOKENS[expected]

    with mock.patch.object(auth, "authorised", authorised):
        yield


@contextlib.contextmanager
def compares_letters(context: Context) -> Iterator[None]:
    """Letter by letter, until one differs."""

    def authorised(given: str, expected: bytes) -> bool:
        right = house.TOKENS[expected]
        return len(given) == len(right) and all(map(str.__eq__, given, right))

    with mock.patch.object(auth, "authorised", authorised):
        yield


@contextlib.contextmanager
def nesting(context: Context) -> Iterator[None]:
    """It reads JSON as it comes."""
    with mock.patch.object(bodies, "read", json.loads):
        yield


@contextlib.contextmanager
def no_dedupe(context: Context) -> Iterator[None]:
    """Every delivery is another one."""
    with mock.patch.object(
        journal, "file_name", lambda source, _: f"{source}-{next(_numbers):040}.json"
    ):
        yield


@contextlib.contextmanager
def trusts_the_name(context: Context) -> Iterator[None]:
    """The service is whatever the body says it is."""

    def hints(body: Any, _known: Any) -> tuple[list[bodies.Hint], int]:
        found = body if isinstance(body, list) else [body]
        return [bodies.Hint(str(one["name"]), "", "") for one in found], 0

    with mock.patch.object(bodies, "hints", hints):
        yield


@contextlib.contextmanager
def name_as_file(context: Context) -> Iterator[None]:
    """A delivery's file is called after what it is about."""

    def hints(body: Any, _known: Any) -> tuple[list[bodies.Hint], int]:
        return [bodies.Hint(str(body["name"]), "", "")], 0

    with (
        mock.patch.object(bodies, "hints", hints),
        mock.patch.object(journal, "file_name", lambda _, key: key[0]),
    ):
        yield


@contextlib.contextmanager
def no_room_limit(context: Context) -> Iterator[None]:
    """As many deliveries wait as somebody cares to send."""
    with mock.patch.object(journal.Journal, "_waiting", lambda *_: 0):
        yield


@contextlib.contextmanager
def patient(context: Context) -> Iterator[None]:
    """Whoever goes on sending may take as long as he likes."""
    with mock.patch.object(server, "LIFE_SECONDS", 3600.0):
        yield


@contextlib.contextmanager
def journal_after_answer(context: Context) -> Iterator[None]:
    """The caller is thanked first, and the delivery written when there is time."""
    real = journal.Journal.deliver

    def deliver(self: journal.Journal, *given: Any) -> bool:
        threading.Timer(0.05, real, (self, *given)).start()
        return True

    with mock.patch.object(journal.Journal, "deliver", deliver):
        yield


@contextlib.contextmanager
def no_sync(context: Context) -> Iterator[None]:
    """What was written is left to the kernel to keep."""
    with mock.patch.object(atomic, "sync_directory", lambda _: None):
        yield


BREAKS = {
    "no-token": Break("token", no_token),
    "any-caller": Break("token", any_caller),
    "silent": Break("token", silent),
    "compares-texts": Break("constant-time", compares_texts),
    "compares-letters": Break("constant-time", compares_letters),
    "nesting": Break("fuzzed", nesting),
    "no-dedupe": Break("duplicates", no_dedupe),
    "trusts-the-name": Break("hostile", trusts_the_name),
    "name-as-file": Break("hostile", name_as_file),
    "no-room-limit": Break("bounded", no_room_limit),
    "patient": Break("bounded", patient),
    "journal-after-answer": Break("killed", journal_after_answer),
    "no-sync": Break("killed", no_sync),
}
