"""Senders that are wrong in a way that people have built, for the check `notify`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from unittest import mock

from checks.framework import Break, Context
from mediastack import (
    known_secrets,
    notify,
    notify_message,
    notify_queue,
    notify_sender,
    notify_spool,
    quiet_hours,
)
from mediastack.notify_sender import Result
from mediastack.notify_spool import Spool

Played = tuple[int, list[str], dict[str, int]]


@contextlib.contextmanager
def gives_up_on_500(_: Context) -> Iterator[None]:
    """A server that has trouble of its own counts as one that refuses the message for good."""
    real = notify_sender.post

    def post(url: str, body: bytes, token: str) -> Result:
        result = real(url, body, token)
        return Result("poison", result.reason) if result.kind == "later" else result

    with mock.patch.object(notify_sender, "post", post):
        yield


@contextlib.contextmanager
def removes_first(_: Context) -> Iterator[None]:
    """A message leaves the spool before the server has it."""
    real = notify_sender._carry_out

    def carry_out(spool: Spool, sends: Iterable[Any], *rest: Any) -> Any:
        kept = list(sends)
        for send in kept[:1]:
            spool.remove(send.names)
        return real(spool, kept[:1], *rest)

    with mock.patch.object(notify_sender, "_carry_out", carry_out):
        yield


@contextlib.contextmanager
def sorts_by_name(_: Context) -> Iterator[None]:
    """Messages go in the order of some name instead of the order in which they were said."""
    real = Spool.look

    def look(spool: Spool) -> list[tuple[str, Any]]:
        return sorted(real(spool), key=lambda entry: entry[0][::-1])

    with mock.patch.object(Spool, "look", look):
        yield


@contextlib.contextmanager
def forgets_windows(_: Context) -> Iterator[None]:
    """After a restart the sender does not know which storms it has told."""
    with mock.patch.object(Spool, "windows", lambda *_: {}):
        yield


@contextlib.contextmanager
def folds_across_windows(_: Context) -> Iterator[None]:
    """Messages of one subject are one storm, whatever they say."""
    # All that is looked at is the subject: something else is counted as the same.
    fake: Callable[[Any], str] = lambda message: f"{message['subject']}\n"  # noqa: E731
    with (
        mock.patch.object(notify_message, "storm", fake),
        mock.patch.object(notify_queue, "storm", fake),
    ):
        yield


@contextlib.contextmanager
def no_window(_: Context) -> Iterator[None]:
    """What waits at the same time is folded, and then each storm is told again at once."""
    with mock.patch.object(notify_queue, "STORM_WINDOW_SECONDS", 30.0):
        yield


@contextlib.contextmanager
def never_quiet(_: Context) -> Iterator[None]:
    """Quiet hours are not looked at."""
    with mock.patch.object(quiet_hours, "within", lambda *_: False):
        yield


@contextlib.contextmanager
def overtakes(_: Context) -> Iterator[None]:
    """What is urgent goes at once and leaves behind what its subject had said before."""
    real = notify_queue._sends

    def sends(entries: list[Any], held: list[float], hours: Any) -> list[Any]:
        free = [index for index, seconds in enumerate(held) if seconds <= 0]
        return real([entries[index] for index in free], [0.0] * len(free), hours)

    with mock.patch.object(notify_queue, "_sends", sends):
        yield


@contextlib.contextmanager
def walks_through(_: Context) -> Iterator[None]:
    """Whoever says something looks through all that waits."""
    with mock.patch.object(notify, "_locked", lambda _: False):
        yield


@contextlib.contextmanager
def rewrites_windows(_: Context) -> Iterator[None]:
    """Each delivery writes down all deliveries anew, and looks at all that waits."""
    real = Spool.delivered

    def delivered(spool: Spool, message: Any, times: dict[str, float], now: float) -> None:
        real(spool, message, times, now)
        spool._rewrite(times)
        spool.look()

    with mock.patch.object(notify_spool.Spool, "delivered", delivered):
        yield


@contextlib.contextmanager
def unmasked(_: Context) -> Iterator[None]:
    """Messages leave as they were written."""
    with mock.patch.object(known_secrets.Masker, "__call__", lambda _, text: text):
        yield


@contextlib.contextmanager
def masks_after_the_cut(_: Context) -> Iterator[None]:
    """A message is cut to its length and then masked: half a secret is left."""

    def masked(message: Any, topic: str, mask: Callable[[str], str]) -> dict[str, Any]:
        cut = notify_message.payload(message, topic)
        texts = {name: mask(cut[name]) for name in ("title", "message")}
        return {**cut, **texts, "tags": [mask(tag) for tag in cut["tags"]]}

    with mock.patch.object(notify_sender, "masked_payload", masked):
        yield


BREAKS = {
    "unmasked": Break("secrets", unmasked),
    "gives-up-on-500": Break("real", gives_up_on_500),
    "removes-first": Break("simulated", removes_first),
    "sorts-by-name": Break("simulated", sorts_by_name),
    "forgets-windows": Break("simulated", forgets_windows),
    "folds-across-windows": Break("outage", folds_across_windows),
    "no-window": Break("simulated", no_window),
    "overtakes": Break("quiet", overtakes),
    "never-quiet": Break("quiet", never_quiet),
    "walks-through": Break("many", walks_through),
    "rewrites-windows": Break("many", rewrites_windows),
    "masks-after-the-cut": Break("secrets", masks_after_the_cut),
}
