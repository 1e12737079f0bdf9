"""The programs that run on the host.

Deployed byte for byte to /opt/mediastack/lib/mediastack; Python 3.10 or newer with the standard
library and the Docker SDK only. `python -m mediastack VERB` is the one way in.
"""
