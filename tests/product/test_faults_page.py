"""docs/faults.md: its table, and that markers in the tests are found."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))

import faults  # noqa: E402
from faults_rows import DEFECTS, FAULTS  # noqa: E402

MARKED = """
import pytest
pytestmark = pytest.mark.defect("D4")

@pytest.mark.fault(1, 2)
def test_two():
    pass

@pytest.mark.parametrize("n", [pytest.param(5, marks=[pytest.mark.fault(64), pytest.mark.long])])
def test_of_a_parameter(n):
    pass

@pytest.mark.fault(7)
class TestMany:
    def test_inside(self):
        pass

def helper():
    pass
"""


def test_the_table_is_current() -> None:
    """The list of tests below it is rewritten by ``python docs/faults.py``."""
    page = faults.PAGE.read_text(encoding="utf-8")
    assert page.partition(faults.TESTS)[0] == faults.table(), "run: python docs/faults.py"


def test_every_fault_and_defect_has_a_number() -> None:
    assert (len(FAULTS), len(DEFECTS)) == (64, 14)


def test_markers_are_found(tmp_path: Path) -> None:
    path = tmp_path / "test_marked.py"
    path.write_text(MARKED)
    found = sorted(faults.marked(path))
    assert found == [
        ("test_inside", "7"),
        ("test_inside", "D4"),
        ("test_of_a_parameter", "64"),
        ("test_of_a_parameter", "D4"),
        ("test_two", "1"),
        ("test_two", "2"),
        ("test_two", "D4"),
    ]


@pytest.mark.parametrize("marker", ["fault(N)", "fault()", "defect(*NAMES)"])
def test_a_marker_that_cannot_be_read(marker: str, tmp_path: Path) -> None:
    path = tmp_path / "test_marked.py"
    path.write_text(f"@pytest.mark.{marker}\ndef test_x(): pass\n")
    with pytest.raises(SystemExit, match="names its numbers literally"):
        list(faults.marked(path))


def test_no_fault_and_no_defect_is_without_a_test() -> None:
    assert faults.missing() == []


def test_the_page_names_tests_that_are_there() -> None:
    """Tests may be added before the page is written again; one that is gone must not stay on it."""
    found = {name for names in faults.proofs((ROOT / "tests").rglob("test_*.py")).values() for name in names}
    listed = re.findall(r"^  - `(\S+)`$", faults.PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(listed) > 64
    assert set(listed) <= found, "run: python docs/faults.py"
