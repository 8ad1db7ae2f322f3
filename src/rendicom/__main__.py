"""``python -m rendicom``."""

from rendicom.cli.main import run

run()
