"""Updates that cannot break the stack: a pass, a policy, and one journaled transaction a service.

transaction and gate decide and are pure; run drives them through a house, which is the host's
Docker and file system (host) or a simulation; worker is the pass that systemd starts.
"""
