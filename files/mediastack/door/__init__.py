"""The door: the one program of ours that others may knock at, and that may do nothing else.

Containers on our bridge post what they have noticed; the door asks for a token, looks whether the
delivery is one that could mean anything, and puts one file into its inbox before it says so. It has
an account with no rights, no network but the socket that systemd gave it, and believes no body:
what is done about a file is decided by others (mediastack.inbox, mediastack.updater).
"""
