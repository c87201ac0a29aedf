"""Fuzz tables, labels, recipes and command lines: each case must work or end in a short error message.

    python scripts/fuzz.py [--cases 50000]

The test suite tries 2,000 fixed cases; this script draws new ones in every run. A failing case is shrunk to
the smallest one that fails in the same way.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Run the properties of tests/test_fuzz.py, tables in parallel with the rest."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--cases", type=int, default=50_000)
    cases = options.parse_args().cases
    start = time.monotonic()
    command = [sys.executable, "-m", "pytest", "tests/test_fuzz.py", "-q", "-p", "no:cacheprovider"]
    command += ["-m", "slow or not slow", "-k"]
    environment = {**os.environ, "LIT_CLASSIFY_FUZZ": str(cases), "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen([*command, selection], cwd=ROOT, env=environment)
        for selection in ("table", "not table")  # on two cores
    ]
    failed = any([process.wait() for process in processes])
    outcome = "some failed" if failed else "none failed"
    print(f"{cases:,} cases in {time.monotonic() - start:.0f} s: {outcome}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
