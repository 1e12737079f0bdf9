"""The internet of one box: a VPN provider and a public side, in namespaces of one container.

It runs inside the helper container as `python3 -m internet.main`, on its Python, `ip`, `nft` and
wireguard-go. The container's own namespace is the router the box sends to; what arrives there is
recorded (tap). Behind it lie the provider (provider: WireGuard, NAT-PMP, exit address) and the
public internet (public: DNS, HTTP, every address answers). `internet-control` (control) asks and
steers it.
"""
