"""Every address of the box's internet, all of them for documentation or private use."""

from __future__ import annotations

from pathlib import Path

# The VPN provider.
ENDPOINT = "198.51.100.10"
WIREGUARD_PORT = 51820
GATEWAY = "10.2.0.1"
TUNNEL_NETWORK = "10.2.0.0/16"
CLIENT = "10.2.0.2"
GATEWAY_IPV6 = "2001:db8:f:2::1"
CLIENT_IPV6 = "2001:db8:f:2::2"
NAT_PMP_PORT = 5351
EXIT = "203.0.113.7"
EXIT_IPV6 = "2001:db8:f::7"

# The public internet: these are the names' answers, but any other address answers as well.
NAME_SERVER = "203.0.113.53"
WEB = "203.0.113.80"
WEB_IPV6 = "2001:db8:f::80"

# The links between the namespaces.
ROUTER_TO_PROVIDER, PROVIDER = "100.127.255.1", "100.127.255.2"
ROUTER_TO_PUBLIC, PUBLIC = "100.127.255.5", "100.127.255.6"
ROUTER_TO_PROVIDER_IPV6, PROVIDER_IPV6 = "2001:db8:f:fe01::1", "2001:db8:f:fe01::2"
ROUTER_TO_PUBLIC_IPV6, PUBLIC_IPV6 = "2001:db8:f:fe02::1", "2001:db8:f:fe02::2"

# Sources that a box can send from: answers to them go back through the router.
CLIENT_NETWORKS = (
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", f"{EXIT}/32",
)  # fmt: skip
CLIENT_NETWORKS_IPV6 = ("2001:db8:89::/64", "fc00::/7", f"{EXIT_IPV6}/128", "2001:db8:f:2::/64")

RUN = Path("/run/internet")
KEPT = Path("/var/lib/internet")
"""What outlives a restart of the container: the clients' keys and the next port."""
PACKETS = RUN / "packets.jsonl"
ARRIVALS = RUN / "arrivals.jsonl"
NAMES = RUN / "names.jsonl"
READY = RUN / "ready"
