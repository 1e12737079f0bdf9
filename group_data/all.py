"""Every setting with its default; your own values go into settings.local.toml, not in here.

Each dictionary is a table of settings.local.toml: `host = {"timezone": …}` here is `[host]` and
`timezone = "Europe/Berlin"` there. That file is yours (git ignores it), so `git pull` never
conflicts with it. Secrets go into secrets.toml. docs/settings.md shows this file as a table.
"""

from __future__ import annotations

host = {
    # Logs, schedules and the apps' calendars show this time; a name like "Europe/Berlin".
    "timezone": "Etc/UTC",
    # The account that owns the media and the apps' state; made on the host when it is missing.
    "user": "mediastack",
    # Its group: put yourself into it to reach the media without root.
    "group": "mediastack",
    # The numeric id the apps run as; not 0: LinuxServer images would run the app itself as root.
    "puid": 1000,
    # The numeric group; all writers share it, so an import is a hardlink and never a copy.
    "pgid": 1000,
    # What new files may NOT grant: 002 lets the group write, which imports between apps need.
    "umask": "002",
}

storage = {
    # Where your media disk is mounted on the host; in the containers it is always /data.
    "data": "/data",
    # The apps' own state, one directory each; this is what is backed up.
    "config": "/srv/mediastack/config",
    # Where backups are written; another disk than the one above is wise.
    "backups": "/srv/mediastack/backups",
    # The deploy refuses to start with less than this free: a full disk corrupts databases.
    "minimum_free_gib": 10,
}

network = {
    # The containers' own network; change it when your LAN uses the same range.
    "subnet": "172.30.0.0/24",
    # An IPv6 range for that network, such as "fd00:30::/64"; empty: IPv4 only.
    "ipv6_subnet": "",
    # Where web pages are reachable: "auto" is the LAN address of the default route.
    "bind_address": "auto",
}

docker = {
    # "distribution", "docker" (Docker's own packages), or "auto": the first where it is new enough.
    "source": "auto",
    # One container's log is rotated at this size, so a chatty app cannot fill the disk.
    "log_max_size": "10m",
    # How many rotated logs are kept of each container.
    "log_max_files": 3,
    # Registries to be spoken to without TLS, such as a mirror in your LAN ("registry.lan:5000").
    "insecure_registries": [],
}

registry = {
    # A mirror for all images: "registry.lan:5000" makes ghcr.io/x registry.lan:5000/ghcr.io/x.
    "mirror": "",
}

vpn = {
    # Your VPN provider, as Gluetun spells it; it must offer WireGuard.
    "provider": "protonvpn",
    # Countries to choose a server in, such as ["Netherlands"]; empty: any.
    "countries": [],
    # Regions to choose a server in, where the provider has regions.
    "regions": [],
    # Cities to choose a server in.
    "cities": [],
    # Single servers by host name, for when the filters above are not narrow enough.
    "hostnames": [],
    # An open port at the VPN's far end: without it torrents upload badly. Few providers have it.
    "port_forwarding": True,
    # How long Gluetun may be without that port before you are told.
    "no_port_alarm_minutes": 15,
    # Free servers only (ProtonVPN); they have no port forwarding.
    "free_only": False,
    # `Address` of your WireGuard file, such as "10.64.0.2/32"; ProtonVPN and NordVPN need none.
    "addresses": "",
    # Networks beside the tunnel that apps in it may call, such as a NAS's "192.168.1.0/24".
    "outbound_subnets": [],
    # Who answers DNS inside the tunnel (DNS over TLS), as Gluetun spells it.
    "dns_upstream": "cloudflare",
    # `stack-manage.sh leaktest` asks this page under which address it is seen; empty: do not ask.
    "exit_check_url": "https://api.ipify.org",
    # The same over IPv6; it must be reachable over nothing else.
    "exit_check_url_ipv6": "https://api6.ipify.org",
    # leaktest tries to reach this DNS server beside the tunnel, and must fail; empty: do not try.
    "exit_check_resolver": "9.9.9.9",
    # The same over IPv6, when the host has that.
    "exit_check_resolver_ipv6": "2620:fe::9",
}

notify = {
    # An ntfy server such as "https://ntfy.sh"; empty: the ntfy that comes with the stack.
    "server": "",
    # The topic to subscribe to; on a public server whoever guesses it can read along.
    "topic": "mediastack",
    # When your phone stays silent, such as "22:00-07:00" (host.timezone); empty: never. What is
    # urgent (priority 4 and 5) comes through, the rest in the morning.
    "quiet_hours": "",
}

limits = {
    # How long a program waits for another that is changing containers before it gives up.
    "lock_wait_seconds": 120,
    # How long a started service may take to become healthy (first starts migrate databases).
    "health_wait_seconds": 600,
}

monitor = {
    # How long Gluetun may take to be ready for those in its network before you are told.
    "healthy_seconds": 300,
    # Bring everybody back at most so often in an hour; more often is a fault that it only hides.
    "cascades_per_hour": 5,
    # Then stop trying for so long, with everybody kept stopped and one urgent message to you.
    "pause_seconds": 3600,
    # So many times by the same cause, each within loop_seconds of the last, is a loop: pause too.
    "loop_cascades": 3,
    # How soon after the last one the same cause counts as its repetition.
    "loop_seconds": 120,
    # How long one of them may be unhealthy in a working Gluetun before it is restarted.
    "unhealthy_seconds": 120,
    # Restart the same one at most so often in an hour; 0: never, only tell.
    "restarts_per_hour": 3,
    # How long Gluetun may be without a tunnel (it mends that itself) before you are told.
    "owner_unhealthy_seconds": 300,
    # Restart Gluetun when it has been unhealthy for so long; 0: never, it goes on trying by itself.
    "restart_owner_seconds": 0,
    # What is still wrong is told again after so long.
    "reminder_seconds": 21600,
    # Tell when less than this part of the disk of /var/lib/mediastack is free (0.05 is 5 %).
    "disk_free_least": 0.05,
    # Prometheus metrics on http://127.0.0.1:<port>/metrics; 0: none, and no network at all for it.
    "metrics_port": 0,
}

updates = {
    # Install new images by themselves; False: nothing is installed or told, also not by webhook.
    "enabled": True,
    # When that may happen, in the host's time, such as "04:00-06:30"; empty: at any time.
    "window": "",
    # A new version is good when it has been healthy, without a restart, for so many seconds.
    "stable_seconds": 60,
    # Seconds a new version gets to become that before the old one comes back with its data.
    "deadline_seconds": 600,
    # How many days the old image and the copy of its data are kept after an update.
    "keep_days": 7,
    # Where What's Up Docker and the apps report to, on the containers' network only.
    "port": 8195,
}

backup = {
    # Back up the apps' state, secrets and settings of the host every day; media never.
    "enabled": True,
    # When, in the host's time; a machine that was off then catches up.
    "at": "03:30",
    # A repository in storage.backups; quick to restore from, and lost with the host.
    "local": True,
    # Repositories on other machines, [backup.remotes.<name>] each, as restic spells them:
    # `repository = "sftp:user@nas:/backups"`; `append_only = true` where this host may not delete.
    "remotes": {},
    # The newest backup of each of so many days is kept.
    "keep_daily": 7,
    # The newest backup of each of so many weeks is kept as well.
    "keep_weekly": 5,
    # The newest backup of each of so many months is kept as well.
    "keep_monthly": 12,
    # How much of each repository is read back and verified every week, in percent.
    "check_percent": 5,
    # Restore the newest backup into a scratch place every week, and start the apps on it.
    "drill": True,
    # A fresh host is filled from this repository before anything starts; its password goes into
    # secrets.toml as repository_password below [backup]. A host that has state is left alone.
    "rebuild_from": "",
}

disk = {
    # Tell when a disk has less than this free; "10% or 50 GiB" is the less of the two.
    "warn": "10% or 50 GiB",
    # Pause qBittorrent's downloads when less is free for the media or the apps' state.
    "pause": "4% or 20 GiB",
    # Let them go on when so much is free again.
    "resume": "6% or 30 GiB",
    # False: only tell; qBittorrent then fills the disk.
    "pause_downloads": True,
}

# Changes to services, [services.<name>] each: `enabled = false` removes one, also from the host.
# A new name adds a service of your own; it needs image, tag, stack and zone.
services: dict[str, dict[str, object]] = {}
