"""Entry point of `python -m mediastack VERB`."""

import sys

from mediastack import cli

if __name__ == "__main__":
    sys.exit(cli.main(sys.argv[1:]))
