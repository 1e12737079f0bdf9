"""Stand-ins for the upstream images: real start-up, ports, health and state, none of the function.

They run inside the images, on their Python and nothing else, as `python3 -m standins KIND`. Every
one starts the way its upstream does (so a missing capability or a wrong owner fails here too),
answers on the real port and health path, keeps real SQLite in WAL mode where upstream keeps it and
ends promptly on SIGTERM. What each one covers is in docs/sandbox.md.
"""
