"""pyinfra's own settings: what must hold at execute time as well (deploy.py's are reset then)."""

# The only version this deploy was proven with; pyinfra refuses to run another.
REQUIRE_PYINFRA_VERSION = "==3.10.0"
