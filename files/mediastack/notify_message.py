"""A message on its way: what a spooled file holds, how several become one, what ntfy is sent. Pure.

Several become one in two ways. Messages of one storm are the newest one with a count, and with the
short texts of the others where they differ (ten episodes by name). And a message that may go now
takes those of its subject along that came before it and had to wait, as a list below its own text:
so nothing overtakes, and nothing is sent by itself that should not be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mediastack import clock

# ntfy turns more than 4096 bytes of message into an attachment.
TEXT_BYTES = 4000
TITLE_BYTES = 240
ROOM_FOR_MORE = 40
SHORT_TEXT = 100
SHORT_TEXTS = 9

Message = dict[str, Any]


def complete(entry: Any) -> Message:
    """Return a spooled JSON value as a message with every field. Raise ValueError when it is none.

    Files may come from an older release.
    """
    if not isinstance(entry, dict) or not isinstance(entry.get("message"), str):
        raise ValueError("is no message")
    time = _text(entry.get("time") or clock.timestamp(0))
    return {
        "time": time,
        "subject": _text(entry.get("subject", "")),
        "title": _text(entry.get("title", "")),
        "message": _text(entry["message"]),
        "priority": int(entry.get("priority", 3)),
        "tags": [_text(tag) for tag in entry.get("tags") or []],
        "key": _text(entry.get("key", "")),
        "at_once": bool(entry.get("at_once", False)),
        "count": int(entry.get("count", 1)),
        "first_time": _text(entry.get("first_time") or time),
        "also": [_text(one) for one in entry.get("also") or []],
        "members": [str(name) for name in entry.get("members") or []],
        "before": [],
    }


def storm(message: Message) -> str:
    """Return what identifies the storm a message belongs to, "" for none."""
    return f"{message['subject']}\n{message['key']}" if message["key"] else ""


def folded(messages: Sequence[Message]) -> Message:
    """Return what stands for all of these, of one storm and oldest first."""
    newest = messages[-1]
    texts = [text for one in messages for text in (*one["also"], one["message"])]
    short = [one for one in dict.fromkeys(texts) if len(one) <= SHORT_TEXT and "\n" not in one]
    also = [one for one in short if one != newest["message"]]
    return {
        **newest,
        "also": also[-SHORT_TEXTS:] if newest["message"] in short else [],
        "count": sum(message["count"] for message in messages),
        "first_time": messages[0]["first_time"],
        "priority": max(message["priority"] for message in messages),
        "at_once": any(message["at_once"] for message in messages),
    }


def taking_along(message: Message, earlier: Sequence[Message]) -> Message:
    """Return the message with earlier ones of its subject, oldest first, that had to wait."""
    if not earlier:
        return message
    priority = max(one["priority"] for one in (*earlier, message))
    return {**message, "priority": priority, "before": list(earlier)}


def payload(message: Message, topic: str) -> dict[str, Any]:
    """Return the JSON that ntfy's root URL takes (its docs/publish.md); longer text is cut."""
    said = "\n".join([*message["also"], str(message["message"])])
    text = _cut(said + _count(message), TEXT_BYTES)
    return {
        "topic": topic,
        "title": _cut(str(message["title"]), TITLE_BYTES),
        "message": text + _earlier(message["before"], TEXT_BYTES - len(text.encode())),
        "priority": message["priority"],
        "tags": message["tags"],
    }


def _count(message: Message) -> str:
    if message["count"] == 1:
        return ""
    return f"\n({message['count']} times since {message['first_time']})"


def _earlier(messages: Sequence[Message], room: int) -> str:
    """What came before, as far as there is room, and how much more there was."""
    text = "\n\nBefore that:" if messages else ""
    for number, message in enumerate(messages):
        said = " ".join(message["message"].split())
        line = f"\n- {message['title']}: {said}"
        if message["count"] > 1:
            line += f" ({message['count']} times)"
        if len((text + line).encode()) > room - ROOM_FOR_MORE:
            return f"{text}\n- and {len(messages) - number} more"
        text += line
    return text


def _cut(text: str, limit: int) -> str:
    encoded = text.encode(errors="replace")
    if len(encoded) <= limit:
        return encoded.decode()
    return encoded[: limit - 10].decode(errors="ignore") + " …"


def _text(value: Any) -> str:
    """A file name that is no UTF-8 must not stop the queue for good."""
    return str(value).encode(errors="replace").decode()
