"""A fresh Linux box becomes the media stack, and a second run changes nothing.

Read it as a table of contents: settings, what the host looks like, what it should look like, and
then each concern in the order in which it stands on the ones before.
"""

from pyinfra import host

import distributions
import host_settings
import layout
from tasks import base, docker, preflight, programs, stacks

wanted = host_settings.of(host.data)
seen = preflight.check(wanted)
entries, config = layout.build(
    wanted,
    host_name=seen.host_name,
    bind_address=seen.bind_address,
    daemon=seen.daemon_json,
    data_is_mount=seen.data_is_mount,
    packages=distributions.packages(seen.distribution, wanted.docker.source),
)

base.before(wanted, entries)
base.files(entries)
base.packages(wanted, seen)
base.account(wanted)
docker.engine()
docker.network(wanted)
programs.environment()
programs.rebuild(wanted, config)
programs.secrets(wanted, config, entries)
programs.units(config)
stacks.run(config)
