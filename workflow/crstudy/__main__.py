"""``python -m crstudy``: the command ``crstudy``."""

import sys

from crstudy.cleaning.command import main

if __name__ == "__main__":
    sys.exit(main())
