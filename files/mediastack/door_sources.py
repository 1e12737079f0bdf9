"""What the apps' webhooks say, in our words: pure, and every body is taken for a hostile one.

`translate` reads a handful of known fields, bounds each, and drops what does not belong on a
telephone's screen: links (they carry keys), e-mail addresses, long runs of letters and digits
(keys, hashes), and directories other than /data's. An app's steps on the way (queued, extracting …)
are nobody's news and give None, as does a body that is no object. Messages of one kind and app
share a key, so that a season's worth of imports is one message with a count. Formats: Sonarr and
Radarr, WebhookBase.cs; Seerr, server/lib/notifications; Unpackerr, webhook.go; cross-seed,
pushNotifier.ts; Autoheal, docker-entrypoint.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from mediastack.door_text import LOOKED_AT, clean

TEXT_LIMIT = 600
ITEMS = 5

_CONTAINER = re.compile(r"Container /?([a-zA-Z0-9][\w.-]{0,63}) \([0-9a-f]{12}\)")
_SERVICE = re.compile(r"^[0-9a-f]{12}_(?=\w)")


class Message(NamedTuple):
    """What notify.send takes."""

    subject: str
    title: str
    message: str
    priority: int = 3
    tags: tuple[str, ...] = ()
    key: str = ""


class _Kind(NamedTuple):
    title: str
    priority: int
    tag: str


def translate(source: str, body: object) -> Message | None:
    """Return what `source` says with `body` (its JSON, parsed); None when that is nobody's news.

    Raise nothing: a body of the wrong shape is nobody's news either, or a text without its content.
    """
    translator = _TRANSLATORS.get(source)
    if translator is None or not isinstance(body, dict):
        return None
    return translator(body)


_ARR = {
    "test": _Kind("test", 3, "white_check_mark"),
    "grab": _Kind("downloading", 2, "arrow_down"),
    "download": _Kind("there is something new", 3, "clapper"),
    "upgrade": _Kind("a better copy", 2, "clapper"),
    "rename": _Kind("renamed", 1, "pencil2"),
    "seriesadd": _Kind("added", 2, "heavy_plus_sign"),
    "seriesdelete": _Kind("removed", 3, "wastebasket"),
    "episodefiledelete": _Kind("a file was deleted", 2, "wastebasket"),
    "movieadded": _Kind("added", 2, "heavy_plus_sign"),
    "moviedelete": _Kind("removed", 3, "wastebasket"),
    "moviefiledelete": _Kind("a file was deleted", 2, "wastebasket"),
    "health": _Kind("something is wrong", 3, "warning"),
    "healthrestored": _Kind("all right again", 2, "heavy_check_mark"),
    "applicationupdate": _Kind("updated itself", 2, "arrows_counterclockwise"),
    "manualinteractionrequired": _Kind("needs your hand", 4, "point_up"),
}
_UPGRADES = ("upgrade", "Upgrade")


def _arr(source: str, body: Mapping[str, object]) -> Message | None:
    """Sonarr and Radarr: one family, one shape."""
    event = body.get("eventType")
    name = event.lower() if isinstance(event, str) else ""
    if name == "download" and body.get("isUpgrade") is True:
        name = "upgrade"
    if name in ("episodefiledelete", "moviefiledelete") and body.get("deleteReason") in _UPGRADES:
        return None
    kind = _ARR.get(name)
    if kind is None:
        return _unknown(source, event)
    if name == "test":
        return _test(source)
    priority, key = kind.priority, name
    if name in ("health", "healthrestored"):
        text = clean(body.get("message"), TEXT_LIMIT)
        key = f"{name} {clean(body.get('type'), 60)}"
        if name == "health" and clean(body.get("level"), 20).lower() == "error":
            priority = 4
    elif name == "applicationupdate":
        text = f"{clean(body.get('previousVersion'), 40)} → {clean(body.get('newVersion'), 40)}"
    else:
        text = _titled(body)
        if name == "grab":
            release = _table(body.get("release"))
            text = _joined(
                text, clean(release.get("quality"), 40), clean(release.get("indexer"), 60)
            )
        if name == "manualinteractionrequired":
            text = f"{text}: {_reasons(body)}".rstrip(": ")
    return _message(source, kind, text, key=key, priority=priority)


def _titled(body: Mapping[str, object]) -> str:
    """The film with its year, or the series with its episodes."""
    movie, series = _table(body.get("movie")), _table(body.get("series"))
    if movie:
        year = clean(movie.get("year"), 6)
        return clean(movie.get("title")) + (f" ({year})" if year else "")
    numbers = []
    episodes = body.get("episodes")
    for one in episodes[:ITEMS] if isinstance(episodes, list) else ():
        season, episode = _table(one).get("seasonNumber"), _table(one).get("episodeNumber")
        if isinstance(season, int) and isinstance(episode, int):
            numbers.append(f"S{season % 10000:02}E{episode % 100000:02}")
    more = len(episodes) - ITEMS if isinstance(episodes, list) else 0
    tail = f" and {more} more" if more > 0 else ""
    return f"{clean(series.get('title'))} {' '.join(numbers)}".strip() + tail


def _reasons(body: Mapping[str, object]) -> str:
    """Why an import waits for somebody."""
    found: list[str] = []
    entries = body.get("downloadStatusMessages")
    for entry in entries[:ITEMS] if isinstance(entries, list) else ():
        said = _table(entry).get("messages")
        found += [clean(one) for one in (said[:ITEMS] if isinstance(said, list) else ())]
    return clean("; ".join(filter(None, found)), TEXT_LIMIT)


_SEERR = {
    "MEDIA_PENDING": _Kind("a request waits for approval", 3, "hourglass"),
    "MEDIA_APPROVED": _Kind("request approved", 2, "thumbsup"),
    "MEDIA_AUTO_APPROVED": _Kind("request approved by itself", 2, "thumbsup"),
    "MEDIA_AUTO_REQUESTED": _Kind("requested by itself", 2, "inbox_tray"),
    "MEDIA_AVAILABLE": _Kind("now available", 3, "popcorn"),
    "MEDIA_FAILED": _Kind("a request failed", 4, "warning"),
    "MEDIA_DECLINED": _Kind("request declined", 2, "thumbsdown"),
    "ISSUE_CREATED": _Kind("a problem was reported", 4, "warning"),
    "ISSUE_COMMENT": _Kind("a comment on a problem", 2, "speech_balloon"),
    "ISSUE_RESOLVED": _Kind("a problem was solved", 2, "heavy_check_mark"),
    "ISSUE_REOPENED": _Kind("a problem is back", 3, "warning"),
}


def _seerr(body: Mapping[str, object]) -> Message | None:
    name = body.get("notification_type")
    if name == "TEST_NOTIFICATION":
        return _test("seerr")
    kind = _SEERR.get(name) if isinstance(name, str) else None
    if kind is None:
        return _unknown("seerr", name)
    text = clean(body.get("subject"))
    comment = clean(_table(body.get("comment")).get("comment_message"), TEXT_LIMIT)
    who = clean(_table(body.get("request")).get("requestedBy_username"), 60)
    if str(name).startswith("ISSUE"):
        who = clean(_table(body.get("issue")).get("reportedBy_username"), 60)
        # Of a film the message is the plot, of a problem what is wrong.
        comment = comment or clean(body.get("message"), TEXT_LIMIT)
        text = f"{text}: {comment}".rstrip(": ")
    return _message("seerr", kind, f"{text} (by {who})" if who else text, key=str(name))


_UNPACKERR = {
    "extractfailed": _Kind("could not unpack", 4, "warning"),
    "deletefailed": _Kind("could not clean up", 3, "warning"),
    "extracted": _Kind("unpacked", 2, "package"),
}
_UNPACKERR_STEPS = frozenset(
    ("waiting", "queued", "extracting", "imported", "deleting", "deleted", "extractednothing")
)
# What `unpackerr -w` sends to try its webhooks.
_UNPACKERR_SAMPLE = "Some Cool Title Name Here"


def _unpackerr(body: Mapping[str, object]) -> Message | None:
    name = body.get("unpackerr_eventtype")
    title = _table(body.get("ids")).get("title")
    if title == _UNPACKERR_SAMPLE:
        return _test("unpackerr")
    if not isinstance(name, str) or name in _UNPACKERR_STEPS:
        return None
    if (kind := _UNPACKERR.get(name)) is None:
        return _unknown("unpackerr", name)
    error = clean(_table(body.get("data")).get("error"), TEXT_LIMIT)
    text = clean(title) or "a download"
    return _message("unpackerr", kind, f"{text}: {error}" if error else text, key=name)


_CROSS_SEED = {
    "INJECTED": _Kind("seeding in more places", 2, "seedling"),
    "SAVED": _Kind("a match was saved", 2, "seedling"),
    "FAILURE": _Kind("a match could not be added", 3, "warning"),
}


def _cross_seed(body: Mapping[str, object]) -> Message | None:
    extra = _table(body.get("extra"))
    if extra.get("event") == "TEST":
        return _test("cross-seed")
    result = extra.get("result")
    kind = _CROSS_SEED.get(result) if isinstance(result, str) else None
    if kind is None:
        return _unknown("cross-seed", extra.get("event"))
    trackers = extra.get("trackers")
    count = len(trackers) if isinstance(trackers, list) else 0
    text = clean(extra.get("name")) or "a torrent"
    if count:
        text += f", on {count} tracker" + ("s" if count != 1 else "")
    return _message("cross-seed", kind, text, key=str(result))


def _autoheal(body: Mapping[str, object]) -> Message | None:
    """In the words of the keeper, which reads the same in Autoheal's log: see autoheal_hook."""
    # The key's name is a setting of Autoheal's.
    said = next((body[key] for key in ("text", "content") if isinstance(body.get(key), str)), "")
    found = _CONTAINER.search(str(said)[:LOOKED_AT])
    if not found:
        return None
    service = _SERVICE.sub("", found[1])
    if "Failed to restart" in str(said)[:LOOKED_AT]:
        title, priority = f"{service} is unhealthy", 4
        text = "Autoheal asked Docker to restart it, and it did not start again; see: "
        text += "stack-manage.sh doctor"
    else:
        title, priority = f"{service} was restarted", 3
        text = "It was unhealthy; Autoheal restarted it."
    return Message(service, title, text, priority, ("adhesive_bandage",), title)


def _message(
    source: str, kind: _Kind, text: str, *, key: str, priority: int | None = None
) -> Message:
    said = text or "It did not say more."
    level = kind.priority if priority is None else priority
    return Message(source, f"{_NAMES[source]}: {kind.title}", said, level, (kind.tag,), key)


def _test(source: str) -> Message:
    text = f"If you can read this, what {_NAMES[source]} has to say arrives."
    return Message(source, f"{_NAMES[source]}: test", text, 3, ("white_check_mark",), "test")


def _unknown(source: str, event: object) -> Message | None:
    """Of a newer version, or of a template that somebody made: better said than lost."""
    if not isinstance(event, str) or not event:
        return None
    text = f"It said “{clean(event, 60)}”, which is not known here."
    return Message(source, f"{_NAMES[source]}: a message", text, 2, ("grey_question",), "unknown")


def _joined(text: str, *details: str) -> str:
    said = ", ".join(filter(None, details))
    return f"{text} ({said})" if said else text


def _table(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


_NAMES = {
    "autoheal": "Autoheal",
    "sonarr": "Sonarr",
    "radarr": "Radarr",
    "unpackerr": "Unpackerr",
    "cross-seed": "cross-seed",
    "seerr": "Seerr",
}
_TRANSLATORS: dict[str, Callable[[Mapping[str, object]], Message | None]] = {
    "autoheal": _autoheal,
    "sonarr": lambda body: _arr("sonarr", body),
    "radarr": lambda body: _arr("radarr", body),
    "unpackerr": _unpackerr,
    "cross-seed": _cross_seed,
    "seerr": _seerr,
}
SOURCES = tuple(_TRANSLATORS)
