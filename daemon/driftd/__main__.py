"""`python -m driftd` is `driftd`."""

import sys

from driftd.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
