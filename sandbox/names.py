"""Every name, address and label of the sandbox in one place, so that `down` can find it all.

The subnets are private (10.89.0.0/24) and documentation (2001:db8::/32) ranges: an address of the
sandbox means nothing anywhere else.
"""

from __future__ import annotations

LABEL = "io.mediastack.sandbox"
LABEL_FILTER = f"label={LABEL}=true"
LABEL_ARGUMENTS = ("--label", f"{LABEL}=true")
RECIPE_LABEL = "io.mediastack.recipe"
KEY_LABEL = "io.mediastack.key"
CHECKOUT_LABEL = "io.mediastack.checkout"

NETWORK = "mediastack-sandbox"
# The package cache's second leg, the one way out there is.
EGRESS_NETWORK = "mediastack-egress"
EGRESS_SUBNET = "10.89.1.0/24"
EGRESS_GATEWAY = "10.89.1.1"
BRIDGE = "msbox0"
SUBNET = "10.89.0.0/24"
SUBNET_IPV6 = "2001:db8:89::/64"
GATEWAY = "10.89.0.1"
REGISTRY_ADDRESS = "10.89.0.2"
PACKAGES_ADDRESS = "10.89.0.3"
NAMES_ADDRESS = "10.89.0.4"
# A box's internet has the box's last number plus the offset.
FIRST_BOX_ADDRESS = 16
LAST_BOX_ADDRESS = 99
INTERNET_OFFSET = 100

REGISTRY_NAME = "registry.lan"
REGISTRY_PORT = 5000
REGISTRY = f"{REGISTRY_NAME}:{REGISTRY_PORT}"
# The outer engine pushes over loopback, which every Docker engine treats as insecure-allowed.
PUSH_PORT = 15089
PUSH_REGISTRY = f"127.0.0.1:{PUSH_PORT}"
PACKAGES_PORT = 3142
PACKAGES_PROXY = f"http://{PACKAGES_ADDRESS}:{PACKAGES_PORT}"

REGISTRY_CONTAINER = "mediastack-registry"
PACKAGES_CONTAINER = "mediastack-packages"
NAMES_CONTAINER = "mediastack-names"
HELPERS = (REGISTRY_CONTAINER, PACKAGES_CONTAINER, NAMES_CONTAINER)
REGISTRY_VOLUME = "mediastack-registry"
PACKAGES_VOLUME = "mediastack-packages"
IMAGE_PREFIX = "mediastack-sandbox"
# On a disk (a root file system is too much for a tmpfs), readable on the way for apt's own user.
BUILD_DIRECTORY = "/var/tmp/mediastack-sandbox"


def box_container(name: str) -> str:
    """The container of the box called `name`."""
    return f"mediastack-box-{name}"


def internet_container(name: str) -> str:
    """The container of the internet of the box called `name`."""
    return f"mediastack-internet-{name}"


def internet_address(box_address: str) -> str:
    """The address of a box's internet on the sandbox's network."""
    network, _, number = box_address.rpartition(".")
    return f"{network}.{int(number) + INTERNET_OFFSET}"


def internet_address_ipv6(box_address: str) -> str:
    """The same for IPv6 (box_files/sandbox-routes knows it as well)."""
    number = internet_address(box_address).rpartition(".")[2]
    return f"{SUBNET_IPV6.removesuffix(':/64')}0:ffff::{number}"


def box_address_ipv6(box_address: str) -> str:
    """The IPv6 address of the box with this IPv4 address."""
    return f"{SUBNET_IPV6.removesuffix(':/64')}0:fffe::{box_address.rpartition('.')[2]}"


def box_volumes(name: str) -> dict[str, str]:
    """Volume name -> mount point of what must not lie on an overlay, or must outlive a boot."""
    return {
        f"mediastack-box-{name}-docker": "/var/lib/docker",
        f"mediastack-box-{name}-containerd": "/var/lib/containerd",
        f"mediastack-box-{name}-disk": "/mnt/disk",
    }
