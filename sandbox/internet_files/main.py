"""PID 1 of the helper: the router between the box, the VPN provider and the public internet.

Nothing new is forwarded towards the sandbox's network, and there is no default route to it, so the
helper is nobody's way out. When a part dies the container ends: a half-dead internet would look
like a leak, or hide one.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

from . import addresses, provider, public, tap
from .system import in_own_namespace, ip, run, set_kernel

BOX_SIDE = "eth0"
RULES = f"""
table inet internet {{
  counter tunnel {{ }}
  chain arriving {{
    type filter hook prerouting priority raw; policy accept;
    iifname "{BOX_SIDE}" ip daddr {addresses.ENDPOINT} udp dport {addresses.WIREGUARD_PORT} \
counter name tunnel
  }}
  chain passing {{
    type filter hook forward priority filter; policy accept;
    oifname "{BOX_SIDE}" ct state established,related accept
    oifname "{BOX_SIDE}" drop
  }}
}}
"""


def main() -> int:
    """Build it, say "ready", and wait for the end of a part or for SIGTERM."""
    box, box_ipv6 = os.environ["BOX_ADDRESS"], os.environ["BOX_ADDRESS_IPV6"]
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    addresses.RUN.mkdir(parents=True, exist_ok=True)
    addresses.KEPT.mkdir(parents=True, exist_ok=True)
    run("mount", "-o", "remount,rw", "/proc/sys")
    set_kernel(ipv4__ip_forward=1, ipv6__conf__all__forwarding=1)
    run("nft", "-f", "-", text=RULES)
    for family in ("-4", "-6"):
        ip(f"{family} route flush default")
    parts = [
        in_own_namespace(provider.main, lambda child: _link("provider", child)),
        in_own_namespace(public.main, lambda child: _link("public", child)),
    ]
    # onlink: the other ends may not be up yet.
    ip(
        f"route add default via {addresses.PUBLIC} dev public onlink",
        f"-6 route add default via {addresses.PUBLIC_IPV6} dev public onlink",
        f"route add {addresses.ENDPOINT} via {addresses.PROVIDER} dev provider onlink",
        f"route add {addresses.EXIT} via {addresses.PROVIDER} dev provider onlink",
        f"-6 route add {addresses.EXIT_IPV6} via {addresses.PROVIDER_IPV6} dev provider onlink",
    )
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"):
        ip(f"route add {network} via {box}")  # what a box sends without masquerading it
    ip(f"-6 route add fc00::/7 via {box_ipv6} dev {BOX_SIDE} onlink")
    recorder = tap.Recorder(BOX_SIDE, addresses.PACKETS, tap.without_tunnel_data())
    threading.Thread(target=recorder.run, daemon=True).start()
    print("the internet is built", flush=True)
    ended, status = os.wait()
    name = "provider" if ended == parts[0] else "public"
    print(f"{name} ended with {os.waitstatus_to_exitcode(status)}", flush=True)
    return 1


def _link(name: str, child: int) -> None:
    """Two interfaces: `name` here with the router's addresses, `uplink` in the child's space."""
    address, address_ipv6 = {
        "provider": (addresses.ROUTER_TO_PROVIDER, addresses.ROUTER_TO_PROVIDER_IPV6),
        "public": (addresses.ROUTER_TO_PUBLIC, addresses.ROUTER_TO_PUBLIC_IPV6),
    }[name]
    ip(
        f"link add {name} type veth peer name uplink netns {child}",
        f"address add {address}/30 dev {name}",
        f"-6 address add {address_ipv6}/64 dev {name} nodad",
        f"link set {name} up",
    )


if __name__ == "__main__":
    sys.exit(main())
