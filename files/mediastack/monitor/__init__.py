"""The monitor: nobody stays stranded when Gluetun's network namespace is another one.

A watcher without any privilege (watcher, wakeups, door) around a pure core: `step` says what to do
next, `namespaces` who is where, `episodes` brings the group into Gluetun's present namespace,
`limits` says how often, `ills` mends single services, `alarms` tells, `words` has the texts. What
it decides the healer carries out (package mediastack.healer), which takes nothing but a verb and
names that it knows.
"""
