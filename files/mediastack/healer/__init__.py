"""The healer: the one small root program that changes containers for the monitor.

It owns Docker's socket and answers a fixed list of requests on a socket of its own; the monitor,
which decides and has most of the code, has neither root nor Docker. Decision 018.
"""
