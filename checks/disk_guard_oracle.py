"""What the disk guard promises, judged from what really happened and not from what it believes.

Every torrent knows who stopped it. While a disk is at or below `pause` for long enough, and the
guard could do its work, nothing downloads; with room for as long, nothing is stopped that the guard
stopped. It never starts what its user stopped, never stops what seeds, starts nothing before there
is room and stops nothing without need. Who stopped a torrent cannot be told by anybody when its
user did so while the guard's stop or start was under way; those are counted, and judged no further.
"""

from __future__ import annotations

from typing import Any

from checks.disk_guard_world import Item, World
from mediastack.disk_guard_step import DEAF_SECONDS, Action

# The rarest look, a pass that hangs once, and the next one.
REACTION_SECONDS = 45.0
# While downloads are paused: one look, and one that hangs.
NEW_SECONDS = 15.0
PAUSED, RESUMED = "Downloads are paused", "Downloads go on"
NOT_DONE = (
    *("Downloads cannot be paused, and nearly full", "Downloads cannot be resumed"),
    *("Are downloads still paused?", "Nearly full"),
)


class Oracle:
    """Looks on at every moment."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.violations: list[str] = []
        self.told: list[tuple[float, Action]] = []
        self.records: list[Action] = []
        self.unsure = self.stops = self.starts = 0
        self._stopped_at = 0.0
        self._since: dict[str, float | None] = {}
        self._low_seen: dict[str, float] = {}
        self._low_for_sure: set[str] = set()
        self._room_at: dict[str, float] = {}
        self._was_full = False
        world.watchers.append(self.look)

    def look(self) -> None:
        """Whenever anything happens."""
        world = self.world
        disks = world.disks
        good = world.good()
        self._last("good", good)
        for path, disk in disks.items():
            if disk.is_low():
                self._low_seen[path] = world.now
            if self._last(f"{path} low", good and disk.is_low()) > REACTION_SECONDS:
                self._low_for_sure.add(path)
            if disk.has_room() and disk.there:
                self._room_at[path] = world.now
        low = self._last("low", good and any(disk.is_low() for disk in disks.values()))
        room = self._last("room", good and all(disk.has_room() for disk in disks.values()))
        if low > REACTION_SECONDS:
            for one in world.items.values():
                if one.downloads() and self._is_old(one):
                    self._violated(f"{one.name} downloads, and a disk has been low for {low:.0f} s")
                    self._since["low"] = world.now
        if room > REACTION_SECONDS:
            self._low_seen.clear()
            self._low_for_sure.clear()
            for one in world.items.values():
                checked = one.checking or world.now - one.checked_at < REACTION_SECONDS
                if one.stopped and one.by == "guard" and not checked:
                    self._violated(f"{one.name} is still stopped {room:.0f} s after there was room")
                    one.by = ""
        full = disks["/data"].free <= 0
        # The last crumbs may go to one that was started a moment ago.
        guilty = any(one.downloads() and self._is_old(one) for one in world.items.values())
        if full and guilty and not self._was_full and self._lasting("good") > REACTION_SECONDS:
            self._violated("downloads have filled the disk")
        self._was_full = full

    def stopped(self, one: Item, *, by_guard: bool) -> None:
        """Somebody asked qBittorrent to stop a torrent."""
        world = self.world
        if by_guard:
            self.stops += 1
            self._stopped_at = world.now
            if one.left <= 0 and not one.stopped and one.finished_at < world.looked_at:
                self._violated(f"it stopped {one.name}, which seeds")
            if not self._low_seen:
                self._violated(f"it stopped {one.name} without need")
            if one.stopped and one.by == "user" and one.stopped_at >= world.looked_at:
                self._unsure(one)
        elif not one.stopped and self._listed(one):
            # A stop or a start of the guard's is under way, or it has not looked since.
            self._unsure(one)
        if not one.stopped:
            one.by = "guard" if by_guard else "user"
            one.was_forced, one.stopped_at = one.forced, world.now
        one.stopped, one.forced = True, False

    def started(self, one: Item, *, by_guard: bool, forced: bool) -> None:
        """Somebody asked qBittorrent to start a torrent."""
        world = self.world
        if by_guard:
            self.starts += 1
            if one.stopped and one.by == "user" and not one.unsure:
                self._violated(f"it started {one.name}, which its user had stopped")
            if one.stopped and one.by == "guard" and one.was_forced != forced and not one.unsure:
                self._violated(f"it started {one.name} with another force than before")
            for path in self._low_for_sure:
                if self._room_at.get(path, -1e9) < self._low_seen[path]:
                    self._violated(f"it started {one.name} without room on {path}")
        if one.stopped:
            one.running_since = world.now
        one.stopped, one.by, one.unsure, one.forced = False, "", False, forced

    def saved(self) -> None:
        """The guard has written its list; what was stopped between its look and now is on it."""
        for one in self.world.items.values():
            since = one.stopped and one.by == "user" and one.stopped_at >= self.world.looked_at
            if since and self._listed(one):
                self._unsure(one)

    def tell(self, action: Action) -> None:
        """A message, or a line of the ledger."""
        if action["do"] == "record":
            self.records.append(action)
            return
        self.told.append((self.world.now, action))
        good = self._since.get("good")
        title = action["title"].partition(":")[0]
        if title in NOT_DONE[:3] and good is not None:
            lasts = self.world.now - good
            if lasts > DEAF_SECONDS / 2:
                self._violated(f"'{action['title']}' although all is well for {lasts:.0f} s")

    def judge_messages(self) -> None:
        """Each pause is told once, and its end once; history has both."""
        titles = [action["title"].partition(":")[0] for _, action in self.told]
        known = [title for title in titles if title in (PAUSED, RESUMED) or title in NOT_DONE]
        repeated = sum(one == two for one, two in zip(known, known[1:], strict=False))
        if repeated > self.world.kills:
            self._violated(f"{repeated} messages twice, with {self.world.kills} kills")
        ours = [title for title in known if title in (PAUSED, RESUMED)]
        if ours and ours[-1] == PAUSED and self._lasting("room") > REACTION_SECONDS:
            self._violated("it did not tell that downloads go on")
        outcomes = {entry["outcome"] for entry in self.records}
        silent = not outcomes & {"downloads paused", "downloads resumed"}
        if silent and self.stops and self.world.now - self._stopped_at > REACTION_SECONDS:
            self._violated("history does not know that downloads were paused")
        for title in set(titles) - set(known):
            many, most = titles.count(title), len(ours) + self.world.kills + 6
            if many > most:
                self._violated(f"'{title}' {many} times")

    def _is_old(self, one: Item) -> bool:
        return self.world.now - one.running_since > NEW_SECONDS

    def _listed(self, one: Item) -> bool:
        entry = self.world.saved.get("stopped", {}).get(one.name)
        return bool(entry and entry["added_on"] == one.added_on)

    def _last(self, what: str, now_true: bool) -> float:
        """For how long it has been so; -1 when it is not."""
        if not now_true:
            self._since[what] = None
        elif self._since.get(what) is None:
            self._since[what] = self.world.now
        return self._lasting(what)

    def _lasting(self, what: str) -> float:
        since = self._since.get(what)
        return -1.0 if since is None else self.world.now - since

    def _unsure(self, one: Item) -> None:
        self.unsure += not one.unsure
        one.unsure = True

    def _violated(self, text: str) -> None:
        self.violations.append(f"at {self.world.now - 1000:.1f} s {text}")


def describe(oracle: Oracle) -> dict[str, Any]:
    """What one history was like, for the report."""
    return {"stops": oracle.stops, "starts": oracle.starts, "unsure": oracle.unsure}
