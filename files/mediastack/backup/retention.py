"""Which backups are no longer wanted: all but the newest of each kept day, week and month. Pure.

Days, weeks and months count only when there is a backup of them, as with restic's own policy:
after a holiday the old ones are still there. Never unwanted are the newest, and those that somebody
names, above all the one a drill has proven, since it is the only one known to be of any use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, tzinfo

from mediastack import clock
from mediastack.backup.settings import Settings
from mediastack.backup.snapshots import Snapshot, same


def superfluous(
    found: Sequence[Snapshot],
    wanted: Settings,
    protected: Iterable[str] = (),
    zone: tzinfo | None = None,
) -> set[str]:
    """Return the ids of those to be forgotten. `protected` are ids, short ones too; days are those
    of `zone` (None: the machine's own)."""
    newest_first = sorted(found, key=lambda one: one.time, reverse=True)
    rules: tuple[tuple[int, Callable[[datetime], tuple[int, ...]]], ...] = (
        (wanted.keep_daily, lambda day: (day.year, day.month, day.day)),
        (wanted.keep_weekly, lambda day: tuple(day.isocalendar()[:2])),
        (wanted.keep_monthly, lambda day: (day.year, day.month)),
    )
    kept = {one.id for one in newest_first[:1]}
    for count, period in rules:
        first: dict[tuple[int, ...], str] = {}
        for one in newest_first:
            moment = datetime.fromtimestamp(clock.seconds(one.time), zone)
            first.setdefault(period(moment), one.id)
        kept |= set(list(first.values())[:count])
    names = list(protected)
    kept |= {one.id for one in newest_first if any(same(one.id, name) for name in names)}
    return {one.id for one in newest_first} - kept
