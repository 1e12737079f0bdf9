"""The sandbox: a disposable box, its package cache and a registry of stand-in images.

Everything here exists so that the product can be shown and tested on one bare machine with no
container registry in reach. `python -m sandbox up` starts the Docker engine (engine), closes the
door (network: nothing a box sends leaves the machine), builds a Debian root file system
(root_filesystem) and boots it as a container with systemd and sshd (box), and serves stand-ins of
the catalog's images under their upstream names (registry, images, standins/). The box is reached
over SSH like any host: nothing in the product knows that it is a sandbox.
"""
