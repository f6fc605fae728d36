"""How large a program may get. Beyond these numbers there is an error that says what is too large."""

from __future__ import annotations

MAX_NESTING = 1_000  # expressions, types and patterns inside each other
MAX_TYPE_DEPTH = 128  # types inside each other, through structs and enums
MAX_TYPE_PARTS = 100_000  # components that a type is written with, array sizes not counted
MAX_BITS = 1 << 26  # of one value
MAX_PARTS = 1 << 25  # of one value: elements, fields and components, whatever their width
MAX_STEPS = 100_000_000  # operations after all calls and loops are expanded
MAX_PATTERN_WORK = 1_000_000  # rows that the check for exhaustive patterns looks at
MAX_REPORTS = 50  # errors that are shown in full
