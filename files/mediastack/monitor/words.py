"""What the monitor can say: a kind out of a fixed list, names of the group, numbers. Nothing free.

The watcher has no access to ledger and spool; it hands the healer a kind and fields, and the text
is made there. So whoever took over the watcher could tell the user something untrue, but nothing
that is not in here. An alarm has three kinds: it is raised, it still holds (`_still`), it is over
(`_over`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypedDict


class Words(TypedDict):
    """`priority` is ntfy's, 0 for no notification; `outcome` is the ledger's, "" for no entry."""

    subject: str
    title: str
    message: str
    priority: int
    outcome: str
    cause: str


class _Kind(NamedTuple):
    outcome: str
    title: str
    message: str
    priority: int = 0


# Cause: how it is said.
CAUSES = {
    "": "",
    "boot": "the host was started",
    "restarted": "Gluetun was restarted",
    "crashed": "Gluetun ended and Docker started it again",
    "ended": "Gluetun ended",
    "oom": "Gluetun was killed for want of memory",
    "recreated": "Gluetun was made anew",
    "missing": "Gluetun is gone",
    "first": "what was before is not known",
    "limit": "the limit of one hour is reached",
    "loop": "the same cause repeats again and again",
}

_PLAIN = {
    "held": _Kind("held", "", "{services}: stopped, since cut off from Gluetun's network."),
    "episode_opened": _Kind(
        "cascade decided", "Gluetun's services are brought back", "{services} follow Gluetun.", 2
    ),
    "episode_opened_uncounted": _Kind("bring-up decided", "", "{services} follow Gluetun."),
    "episode_overtaken": _Kind("cascade overtaken", "", "Gluetun changed again meanwhile."),
    "episode_given_up": _Kind("cascade given up", "", "Gluetun is not wanted any more."),
    "episode_done": _Kind(
        "cascade done",
        "Gluetun's services are back",
        "{count} services are in Gluetun's network again, after {duration}: {services}.",
        2,
    ),
    "episode_done_uncounted": _Kind("bring-up done", "", "{count} services after {duration}."),
    "paused": _Kind(
        "paused",
        "Healing is paused: Gluetun's services stay stopped",
        "{count} times in an hour the services behind Gluetun had to be brought back. They are "
        "kept stopped for {duration}, so that nothing runs without its tunnel. Look for the reason "
        "(stack-manage.sh downloads logs gluetun), then: stack-manage.sh resume",
        5,
    ),
    "pause_over": _Kind(
        "pause over", "Healing goes on", "The pause is over; everything is looked at afresh.", 3
    ),
    "resumed": _Kind(
        "resumed", "Healing goes on", "The pause was lifted; everything is looked at afresh.", 3
    ),
}

# Alarm: (title, what it says, what is said when it is over, priority).
_ALARMS = {
    "owner_not_ready": (
        "Gluetun does not get ready",
        "For {duration} Gluetun has not been healthy; the services behind it wait, stopped. See: "
        "stack-manage.sh downloads logs gluetun",
        "Gluetun is ready again.",
        4,
    ),
    "owner_unhealthy": (
        "Gluetun is unhealthy",
        "For {duration} Gluetun has had no working tunnel. It goes on trying by itself; nothing "
        "leaks meanwhile. See: stack-manage.sh downloads logs gluetun",
        "Gluetun's tunnel works again.",
        4,
    ),
    "owner_down": (
        "Gluetun does not run",
        "{count} attempts to start it failed, or it ended again. Trying on, less and less often; "
        "see: stack-manage.sh doctor",
        "Gluetun runs again.",
        4,
    ),
    "firewall_down": (
        "Gluetun's firewall is not up",
        "Gluetun says that it is healthy, but its kill switch is missing. The services behind it "
        "wait, stopped. Restart it: stack-manage.sh downloads restart gluetun",
        "Gluetun's kill switch stands again.",
        5,
    ),
    "not_back": (
        "Gluetun's services do not come back",
        "{count} attempts failed: {services}. Trying on, less and less often; see: "
        "stack-manage.sh doctor",
        "They are back.",
        4,
    ),
    "not_stopped": (
        "{service} cannot be stopped",
        "{service} is cut off from Gluetun's network and does not stop after {count} attempts. "
        "When Docker cannot either: restart Docker, or the host.",
        "{service} is stopped or well again.",
        4,
    ),
    "service_down": (
        "{service} does not stay up",
        "{count} attempts to start it failed, or it ended again. Trying on, less and less often; "
        "see: stack-manage.sh downloads logs {service}",
        "{service} runs again.",
        4,
    ),
    "service_unhealthy": (
        "{service} stays unhealthy",
        "{service} was restarted {count} times in an hour and is unhealthy again. It is left so; "
        "see: stack-manage.sh downloads logs {service}",
        "{service} is healthy again.",
        4,
    ),
    "disk_full": (
        "The disk of the stack's state is nearly full",
        "Less than {percent} % of /var/lib/mediastack's disk is free. Containers that cannot "
        "write fail in strange ways: make room.",
        "There is room again.",
        4,
    ),
    "unknown": (
        "Docker does not answer",
        "For {duration} nothing is known about the containers; nothing is done meanwhile. See: "
        "systemctl status docker mediastack-healer",
        "Docker answers again.",
        4,
    ),
}
ALARMS = frozenset(_ALARMS)


def _kinds() -> dict[str, _Kind]:
    kinds = dict(_PLAIN)
    for alarm, (title, raised, over, priority) in _ALARMS.items():
        kinds[alarm] = _Kind("alert", title, raised, priority)
        kinds[f"{alarm}_still"] = _Kind("alert", f"Still: {title}", raised, priority)
        kinds[f"{alarm}_over"] = _Kind("resolved", f"Over: {title}", f"{over} ({{duration}})", 3)
    return kinds


_KINDS = _kinds()
KINDS = frozenset(_KINDS)


def render(kind: str, fields: Mapping[str, Any]) -> Words:
    """Return the words for `kind` with `fields`: service (str), services (list of names), count
    (int), seconds (float), percent (number), cause (of CAUSES), all optional.

    Raise KeyError for an unknown kind or cause.
    """
    words = _KINDS[kind]
    service = str(fields.get("service", ""))
    values = {
        "service": service or "a service",
        "services": ", ".join(fields.get("services", ())) or "none",
        "count": int(fields.get("count", 0)),
        "percent": f"{fields.get('percent', 0):g}",
        "duration": duration(float(fields.get("seconds", 0.0))),
    }
    cause = CAUSES[fields.get("cause", "")]
    message = words.message.format(**values)
    return {
        "subject": service or "gluetun",
        "title": words.title.format(**values),
        "message": f"{message} Cause: {cause}." if cause else message,
        "priority": words.priority,
        "outcome": words.outcome,
        "cause": cause or message,
    }


def duration(seconds: float) -> str:
    """Return seconds as a person says them."""
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    if seconds < 7200:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.0f} hours"
