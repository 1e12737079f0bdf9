"""Backups: what they hold, how they are made, kept, proven and looked after.

One restic snapshot is one backup of everything: each service's config as the catalog declares it,
the secrets, and the few state files that no program can make anew. Databases are never copied as
files: a consistent, checked copy of each lies in the staging directory (staging), beside a manifest
that says what belongs together, and restic reads both the live files and those copies in one run.
A snapshot exists once restic has finished it, so there are no partial ones.
"""
