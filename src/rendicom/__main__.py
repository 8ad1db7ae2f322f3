"""``python -m rendicom``."""

import sys

from rendicom.cli.main import main

sys.exit(main())
