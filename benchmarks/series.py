"""The series of measurements behind docs/benchmarks.md; prints one JSON object a line.

scripts/bench            runs it
python benchmarks/series.py --quick     small sizes, to see that everything works
"""

from __future__ import annotations

import subprocess
import sys

FULL = [
    ["and", "--ands", "1000000", "--parties", "2"],
    ["and", "--ands", "1000000", "--parties", "3"],
    ["and", "--ands", "1000000", "--parties", "2", "--transport", "http", "--processes"],
    ["join", "--rows", "1000", "--key-bytes", "16", "--parties", "2", "--transport", "http", "--processes"],
    ["join", "--rows", "10000", "--key-bytes", "16", "--parties", "2", "--transport", "http", "--processes"],
    ["join", "--rows", "1000", "--key-bytes", "16", "--parties", "3", "--transport", "http", "--processes"],
]
QUICK = [
    ["and", "--ands", "10000", "--parties", "2"],
    ["and", "--ands", "10000", "--parties", "2", "--transport", "http", "--processes"],
    ["join", "--rows", "20", "--key-bytes", "8", "--parties", "3"],
]


def main() -> int:
    """Run each line of the series; the exit code is that of the first that fails."""
    for arguments in QUICK if "--quick" in sys.argv[1:] else FULL:
        command = [sys.executable, "-m", "polytune_cli.main", "bench", *arguments, "--json"]
        print("$ polytune bench " + " ".join(arguments), file=sys.stderr, flush=True)
        code = subprocess.run(command, check=False).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
