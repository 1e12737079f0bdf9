"""All that can happen to the monitor's world, by name."""

from __future__ import annotations

from checks import monitor_mishaps_group as group
from checks import monitor_mishaps_host as host
from checks.monitor_mishaps_group import Fault

FAULTS: dict[str, Fault] = {
    one.__name__: one
    for one in (
        *(
            group.owner_restart,
            group.owner_recreated,
            group.owner_killed,
            group.owner_removed,
            group.owner_stopped,
            group.owner_flaps,
        ),
        *(
            group.owner_unhealthy,
            group.owner_slow,
            group.owner_paused,
            group.owner_refuses,
            group.firewall_missing,
        ),
        *(
            group.dependents_end,
            group.dependent_dead,
            group.dependent_removed,
            group.dependent_stopped,
            group.dependent_paused,
        ),
        *(
            group.dependent_restarted,
            group.dependent_unhealthy,
            group.dependent_never_healthy,
            group.dependent_crashes,
        ),
        *(
            group.dependent_refuses,
            group.dependent_wedged,
            group.verb_down_up,
            group.lock_held,
            group.deploy,
            group.compose_killed,
        ),
        *(
            host.docker_500,
            host.docker_restarts,
            host.acts_fail,
            host.events_lost,
            host.events_late,
            host.events_doubled,
        ),
        *(
            host.events_reordered,
            host.stream_cut,
            host.monitor_killed,
            host.healer_killed,
            host.reboot,
            host.clock_jump,
        ),
        *(host.data_lost, host.disk_full, host.resume),
    )
}
