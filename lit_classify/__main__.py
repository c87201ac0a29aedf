"""Run the command line as ``python -m lit_classify``."""

import sys

from lit_classify.cli.main import main

sys.exit(main())
