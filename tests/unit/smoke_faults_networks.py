"""Faults of networks, doors and ways, and the check that must name each."""

from __future__ import annotations

from collections.abc import Callable

from tests.smoke import (
    expect_containers as C,
)
from tests.smoke import (
    expect_networks as N,
)
from tests.smoke import (
    expect_traffic as T,
)
from tests.unit import smoke_house_containers
from tests.unit.smoke_faults import (
    Fault,
    Observed,
    listener,
    of,
    of_process,
    port,
    setting,
    stranger,
    together,
    without,
)

RESTART = "POST /containers/NO-CONTAINER/restart"


def no_rule(word: str) -> Callable[[Observed], None]:
    """Removes the rules with this word."""

    def plant(observed: Observed) -> None:
        rules = observed["packet_filter"].splitlines()
        observed["packet_filter"] = "\n".join(one for one in rules if word not in one)

    return plant


def proxy(kind: str, question: str, answer: int) -> Callable[[Observed], None]:
    """Changes an answer of a socket proxy."""
    return setting(answer, "proxies", f"socket-proxy-{kind}", question)


FAULTS = (
    Fault(N.bridge, (), lambda o: o["networks"].clear(), "absent"),
    Fault(
        N.bridge,
        (),
        lambda o: o["networks"][0]["IPAM"].update(Config=[{"Subnet": "10.0.0.0/8"}]),
        "10.0.0.0/8",
    ),
    Fault(N.bridge, (), lambda o: o["networks"][0].update(Internal=True), "no ordinary"),
    Fault(N.zone, ("sonarr",), of_process("sonarr", "netns", 77), "dead namespace"),
    Fault(N.zone, ("sonarr",), without("gluetun"), "owner"),
    Fault(N.zone, ("sonarr",), of("sonarr", "bridge", "HostConfig", "NetworkMode"), "bridge"),
    Fault(N.zone, ("plex",), of_process("plex", "netns", 77), "host's network"),
    Fault(N.zone, ("plex",), of("plex", "bridge", "HostConfig", "NetworkMode"), "host's network"),
    Fault(
        N.zone, ("seerr",), of("seerr", {"other": {}}, "NetworkSettings", "Networks"), "is on other"
    ),
    Fault(
        N.zone,
        ("seerr",),
        of(
            "seerr",
            "172.30.0.99",
            *("NetworkSettings", "Networks", "homelab_media_network", "IPAddress"),
        ),
        "172.30.0.99",
    ),
    Fault(
        N.zone,
        ("socket-proxy-heal",),
        of("socket-proxy-heal", {"x": {}}, "NetworkSettings", "Networks"),
        "is on x",
    ),
    Fault(
        N.zone,
        ("seerr",),
        of_process("plex", "netns", smoke_house_containers.namespace_of("seerr")),
        "shares its network namespace with plex",
    ),
    Fault(N.published, ("seerr",), of("seerr", {}, "NetworkSettings", "Ports"), "does not publish"),
    Fault(
        N.published,
        ("ntfy",),
        of("ntfy", port("22/tcp"), "HostConfig", "PortBindings"),
        "no setting",
    ),
    Fault(
        N.published,
        ("seerr",),
        of("seerr", port("5055/tcp", "0.0.0.0"), "NetworkSettings", "Ports"),
        "0.0.0.0:9999",
    ),
    Fault(N.listening, (), listener("192.0.2.1", 9999), "9999"),
    Fault(N.listening, (), listener("0.0.0.0", 8989), "0.0.0.0:8989"),
    Fault(N.listening, (), lambda o: o["listeners"].pop(), "nothing listens"),
    Fault(
        N.listening,
        (),
        together(
            listener("192.0.2.1", 9999),
            stranger(
                NetworkSettings={"Networks": {"homelab_media_network": {}}, "Ports": port("80/tcp")}
            ),
        ),
        "9999",
    ),
    Fault(
        N.control_server,
        (),
        of("gluetun", port("8000/tcp"), "NetworkSettings", "Ports"),
        "control server",
    ),
    Fault(
        N.no_guests,
        (),
        stranger(HostConfig={"NetworkMode": "container:id-gluetun"}),
        "in gluetun's namespace",
    ),
    Fault(
        N.socket_network,
        ("read",),
        lambda o: o["networks"].remove(N.network(o, "mediastack_socket_read")),
        "absent",
    ),
    Fault(
        N.socket_network,
        ("read",),
        lambda o: N.network(o, "mediastack_socket_read").update(Internal=False),
        "outside",
    ),
    Fault(
        N.socket_network,
        ("heal",),
        lambda o: N.network(o, "mediastack_socket_heal")["Containers"].update(x={"Name": "sonarr"}),
        "sonarr can reach",
    ),
    Fault(
        N.web_interface,
        ("sonarr",),
        setting("refused", "urls", "http://192.0.2.1:8989"),
        "refused",
    ),
    *(
        Fault(check, ("sonarr",), of("sonarr", False, "State", "Running"), "does not run")
        for check in (
            *(C.described, C.mounts, C.image, C.restart_policy, C.powers, C.user, C.logs),
            *(C.environment, N.zone, N.published),
        )
    ),
    Fault(T.packet_filter, (), setting("", "packet_filter"), "cannot be read"),
    Fault(T.packet_filter, (), no_rule("-A FORWARD"), "isolation"),
    Fault(T.packet_filter, (), no_rule("MASQUERADE"), "way out"),
    Fault(T.packet_filter, (), no_rule("-A PREROUTING"), "published ports"),
    Fault(T.packet_filter, (), no_rule("--dport 5055"), "port 5055 to seerr"),
    Fault(T.proxy, ("read",), proxy("read", "POST /containers/create", 400), "does not refuse"),
    Fault(T.proxy, ("heal",), proxy("heal", RESTART, 403), "refuses POST"),
    Fault(T.proxy, ("heal",), lambda o: o["proxies"].clear(), "does not run"),
    Fault(T.bound, (), setting({}, "tunnel", "settings"), "is nothing"),
    Fault(T.bound, (), setting(["lo", "eth0"], "tunnel", "devices"), "has no tun0"),
    Fault(T.forwarded, (), setting(0, "forwarding", "port"), "no forwarded port"),
    Fault(T.forwarded, (), setting([8080, 6881], "forwarding", "listening"), "port 45678"),
    Fault(T.host_service, ("plex",), setting("timed out", "reach", "plex"), "timed out"),
    Fault(T.host_service, ("plex",), lambda o: o["reach"].clear(), "not tried"),
    Fault(T.lock, (), setting('{"pid": 7}', "lock_holder"), '"pid": 7'),
)
