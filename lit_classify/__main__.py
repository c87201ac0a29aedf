"""Run the command line as ``python -m lit_classify``."""

import sys

from lit_classify.cli import main

sys.exit(main())
