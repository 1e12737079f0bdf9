"""The updater's door: nobody without the token, nothing but hints, none of them lost or doubled.

No box: the real application, server, journal and inbox run here (webhook_house), and a door that is
killed is a real process. What an honest caller gets is a positive control in every case, so that a
door which refuses everybody does not pass. Whether the door listens where it should and nowhere
else is asked of the deployed host by smoke and doctor.
"""

from __future__ import annotations

import concurrent.futures
import json
import random
import threading
from typing import Any

import hypothesis

from checks import webhook_breaks as planted
from checks import webhook_fuzz as fuzz
from checks import webhook_house as house
from checks import webhook_killed as killing
from checks import webhook_timing as timing
from checks.framework import Context
from mediastack.door import app, auth, journal, limits

NAME = "webhook"
BUDGET_SECONDS = 90.0
SAMPLES, TRIES = 200_000, 3
FUZZED, BY_HYPOTHESIS, RAW = 100_000, 1_500, 4_000
FULL_FACTOR = 10
DUPLICATES, CALLERS = 1_000, 12
TAG = "4.0.20"
DIGEST = "sha256:" + "ab" * 32
ACCEPTED, REFUSED = 202, 401


def prepare(context: Context) -> None:
    """Nothing: the house is made by each case."""


def settle(context: Context) -> None:
    """Nothing of it stays."""
    context.resources.close()


def token(context: Context) -> None:
    """No token, a wrong one, the right one from elsewhere: the same 401, and one message."""
    with house.made() as home, context.planted():
        right = home.token
        tried = {
            "no token": house.request(),
            "an empty one": house.request(HTTP_AUTHORIZATION="Bearer "),
            "a wrong one": house.request(token="x" * len(right)),
            "half of it": house.request(token=right[:20]),
            "all but one letter": house.request(token=right[:-1] + "!"),
            "more than it": house.request(token=f"{right}x"),
            "other letters": house.request(token=right.swapcase()),
            "a password": house.request(HTTP_AUTHORIZATION=f"Basic {right}"),
            "a query": house.request(QUERY_STRING=f"token={right}"),
            "the right one from elsewhere": house.request(token=right, REMOTE_ADDR=house.GUEST),
            "its digest": house.request(token=auth.digest(right.encode()).hex()),
        }
        answers = {what: home.ask(one) for what, one in tried.items()}
        for what, answer in answers.items():
            if answer[0] != REFUSED:
                context.violation(f"{what} is answered with {answer[0]}, not {REFUSED}")
            elif answer != answers["no token"]:
                context.violation(f"{what} is told apart from no token")
        deliveries = [one.name for one in home.files() if not one.name.startswith(app.ABUSE)]
        if deliveries:
            context.violation(f"{len(deliveries)} deliveries without the right to any")
        for _ in range(10 * limits.REFUSALS):
            home.ask(house.request())
        home.read_inbox()
        if len(home.sent) != 1:
            context.violation(f"{len(home.sent)} messages for many refusals instead of one")
        context.figure("refused_alike", len(answers))
    _control(context)


def constant_time(context: Context) -> None:
    """The time of the check tells nothing of how much of a token was right."""
    samples = SAMPLES * (FULL_FACTOR if context.full else 1)
    with house.made() as home:

        def leaking(given: str) -> bool:
            return all(one == other for one, other in zip(given, home.token, strict=True))

        seen = timing.measure(leaking, home.token, 4_000, context.random)
        context.control("a comparison that ends at the first difference", seen > timing.LIMIT)
        with context.planted():
            worst = []
            for _ in range(TRIES):
                # A leak is there every time; what the machine was busy with is not.
                check = lambda given: auth.authorised(given, home.expected)  # noqa: E731
                worst.append(timing.measure(check, home.token, samples, context.random))
                if worst[-1] < timing.LIMIT:
                    break
        context.figure("samples", samples)
        context.figure("welch_t", min(worst))
        context.figure("welch_t_of_a_leak", seen)
        if min(worst) >= timing.LIMIT:
            context.violation(
                f"|t| is {min(worst):.1f} between wrong tokens: the time tells how much was right"
            )


def fuzzed(context: Context) -> None:
    """What is no delivery: no crash, no action, whatever was sent."""
    count = FUZZED * (FULL_FACTOR if context.full else 1)
    statuses: dict[int, int] = {}

    def note(status: int, what: Any) -> None:
        statuses[status] = statuses.get(status, 0) + 1
        if status >= 500 and len(context.violations) < 5:
            context.violation(f"answered with {status}: {ascii(what)[:300]}")

    with house.made() as home, context.planted():
        before = home.elsewhere()
        for number in range(count - BY_HYPOTHESIS - RAW):
            chance = random.Random(f"{context.seed} {number}")  # noqa: S311 - replays by number
            one = fuzz.environment(chance, home.token)
            note(home.ask(one)[0], f"number {number}: {one}")
            if context.break_name and context.violations:
                # It is found; the rest would only take time.
                return
        _by_hypothesis(context, home, note)
        _nothing_done(context, home, before)
    with house.made(caller=house.LOOPBACK) as home, house.served(home) as where, context.planted():
        before = home.elsewhere()
        with concurrent.futures.ThreadPoolExecutor(CALLERS) as pool:
            raws = [fuzz.raw(random.Random(f"{context.seed} raw {one}"), home.token)  # noqa: S311
                    for one in range(RAW)]  # fmt: skip
            for raw, answer in zip(
                raws, pool.map(lambda raw: house.exchange(where, raw), raws), strict=True
            ):
                # 501 is Waitress's word for a transfer encoding that it does not know.
                note(house.status(answer) if house.status(answer) != 501 else 400, raw)
        _nothing_done(context, home, before)
        honest = house.exchange(where, house.raw_request(_body("sonarr"), home.token))
        if house.status(honest) != ACCEPTED:
            context.violation("after all that the door does not answer an honest delivery")
    context.figure("requests", count)
    context.figure("statuses", {str(one): statuses[one] for one in sorted(statuses)})
    _control(context)


def _by_hypothesis(context: Context, home: house.House, note: Any) -> None:
    @hypothesis.settings(
        max_examples=BY_HYPOTHESIS,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.seed(context.seed)
    @hypothesis.given(fuzz.strategy(home.token))
    def ask(one: dict[str, Any]) -> None:
        note(home.ask(one)[0], one)

    ask()


def _nothing_done(context: Context, home: house.House, before: set[str]) -> None:
    """No delivery but that of abuse, no hint, no other file."""
    found = [one.name for one in home.files() if not one.name.startswith(app.ABUSE)]
    if found:
        context.violation(f"{len(found)} deliveries, such as {found[0]!a}")
    home.read_inbox()
    if home.hints() or home.started:
        context.violation(f"the updater was told of {sorted(home.hints())!a}")
    if home.elsewhere() - before:
        context.violation(f"files beside the inbox: {sorted(home.elsewhere() - before)[:5]!a}")


def duplicates(context: Context) -> None:
    """The same delivery a thousand times at once is one file and one hint."""
    with house.made() as home, context.planted():
        together = threading.Barrier(DUPLICATES)

        def deliver(number: int) -> int:
            # What differs from one time to the next is not what makes it another delivery.
            content = house.container("sonarr", TAG, DIGEST)
            body = json.dumps([content] if number % 2 else content).encode()
            together.wait()
            return home.ask(house.request(body, token=home.token))[0]

        with concurrent.futures.ThreadPoolExecutor(DUPLICATES) as pool:
            answers = list(pool.map(deliver, range(DUPLICATES)))
        _one_update(context, home, answers, "in process")
    with house.made(caller=house.LOOPBACK) as home, house.served(home) as where, context.planted():
        raw = house.raw_request(_body("sonarr"), home.token)
        with concurrent.futures.ThreadPoolExecutor(CALLERS) as pool:
            answered = list(pool.map(lambda _: house.exchange(where, raw), range(DUPLICATES)))
        _one_update(context, home, [house.status(one) for one in answered], "by HTTP")
    with house.made() as home:
        for name, tag in (("sonarr", "1"), ("sonarr", "2"), ("radarr", "1")):
            home.ask(house.request(_body(name, tag), token=home.token))
        context.control("three deliveries that differ", len(home.files()) == 3)
    context.figure("duplicates", 2 * DUPLICATES)


def _one_update(context: Context, home: house.House, answers: list[int], how: str) -> None:
    if set(answers) != {ACCEPTED}:
        context.violation(f"{how}: duplicates are answered with {sorted(set(answers))}")
    if len(home.files()) != 1:
        context.violation(f"{how}: {len(answers)} duplicates are {len(home.files())} deliveries")
    home.read_inbox()
    if list(home.hints()) != ["sonarr"] or home.started != 1:
        context.violation(f"{how}: hints {home.hints()}, the updater started {home.started} times")


def hostile(context: Context) -> None:
    """With the right token: what names no known service, or climbs out of a path, leads nowhere."""
    with house.made() as home, context.planted():
        before = home.elsewhere()
        mark = f"{home.root}/escaped"
        names = [*fuzz.NAMES, mark, f"../../../../../..{mark}", "../new/x", "a/b", "x" * 300]
        for name in names:
            for tag in (*fuzz.TAGS, mark, "../../../../escaped"):
                content = {**house.container("x", "y"), "name": name}
                content["result"] = content["updateKind"] = {"tag": tag, "digest": tag}
                home.ask(house.request(json.dumps(content).encode(), token=home.token))
        _nothing_done(context, home, before)
        for tag in fuzz.TAGS:
            content = {**house.container("radarr", "y"), "updateKind": None}
            content["result"] = {"tag": tag, "digest": tag}
            home.ask(house.request(json.dumps(content).encode(), token=home.token))
        home.read_inbox()
        found = home.hints()
        if set(found) - {"radarr"}:
            context.violation(f"hints about {sorted(found)!a}")
        if any(not (isinstance(one, str) and one.isascii() and "/" not in one)
               for hint in found.values() for one in hint.values()):  # fmt: skip
            context.violation(f"a hint carries what no tag is: {found!a}")
        if home.elsewhere() - before:
            context.violation(f"files beside the inbox: {sorted(home.elsewhere() - before)[:5]!a}")
        context.figure("hostile_deliveries", len(names) * (len(fuzz.TAGS) + 2) + len(fuzz.TAGS))
    _control(context)


def bounded(context: Context) -> None:
    """Sizes, rates, slow callers, a flood: the door stays small and stays open."""
    with house.made() as home, context.planted():
        for number in range(3 * journal.FILES_OF_A_SOURCE):
            last = home.ask(house.request(_body("sonarr", f"1.{number}"), token=home.token))[0]
        if len(home.files()) > journal.FILES_OF_A_SOURCE or last != 503:
            context.violation(f"a flood: {len(home.files())} files, answered with {last} at last")
        body = b" " * (app.LARGEST_BODY + 1)
        if (seen := home.ask(house.request(body, token=home.token))[0]) != 413:
            context.violation(f"a body that is too large is answered with {seen}")
        stranger = house.request(token=home.token, REMOTE_ADDR=house.STRANGER)
        if (seen := home.ask(stranger)[0]) != 403:
            context.violation(f"a stranger is answered with {seen}")
    with house.made(burst=limits.BURST) as home, context.planted():
        statuses = [home.ask(house.request())[0] for _ in range(int(3 * limits.BURST))]
        if not limits.BURST <= statuses.count(REFUSED) <= 1.5 * limits.BURST:
            context.violation(f"{statuses.count(REFUSED)} of {len(statuses)} requests came in")
    killing.slow(context)


def killed(context: Context) -> None:
    """A delivery is on disk for good before it is acknowledged; a door killed then loses none."""
    with house.made() as home, context.planted():
        seen = killing.order(home)
        for what in ("the file is there", "the file is synced", "its directory is synced"):
            if what not in seen:
                context.violation(f"when a delivery is acknowledged it is not so that {what}")
    answered, home_hints = killing.door(context)
    if answered:
        context.violation(f"a door that was killed before its answer answered {answered}")
    if home_hints != ["sonarr"]:
        context.violation(f"after a kill before the answer the hints are {home_hints}")


def _control(context: Context) -> None:
    """An honest delivery leads to a hint: the same door, unbroken."""
    with house.made() as home:
        status = home.ask(house.request(_body("sonarr"), token=home.token))[0]
        home.read_inbox()
        context.control("an honest delivery", status == ACCEPTED and "sonarr" in home.hints())


def _body(name: str, tag: str = TAG) -> bytes:
    return json.dumps(house.container(name, tag, DIGEST)).encode()


CASES = {
    "token": token,
    "constant-time": constant_time,
    "fuzzed": fuzzed,
    "duplicates": duplicates,
    "hostile": hostile,
    "bounded": bounded,
    "killed": killed,
}
BREAKS = planted.BREAKS
