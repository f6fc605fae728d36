"""What the scripts of the generated pages share: write the page; with --check only compare (exit code 1: differs)."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the packages and tests of this tree, whatever is installed


def write_or_check(page: Path, wanted: str) -> int:
    """Write ``wanted`` to the page, or compare with what is there; returns the exit code."""
    if "--check" not in sys.argv[1:]:
        page.write_text(wanted, encoding="utf-8")
        return 0
    if page.exists() and page.read_text(encoding="utf-8") == wanted:
        return 0
    print(f"{page.name} is out of date; run: python docs/{Path(sys.argv[0]).name}", file=sys.stderr)
    return 1
