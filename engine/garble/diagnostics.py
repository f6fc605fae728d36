"""Source positions and error reports: excerpt, underline, cause and cure of every mistake (section 22)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from unicodedata import category, combining, east_asian_width

from engine.errors import GarbleError
from engine.garble.limits import MAX_REPORTS
from engine.garble.suggestions import did_you_mean

CONTEXT_LINES = 2
LONG_SPAN = 6  # lines after the first; of longer spans the middle is left out
WIDTH = 140  # characters of a line that are shown
MAX_MESSAGE = 600
UNSEEN = frozenset(["Cc", "Cf", "Zl", "Zp"])  # control and direction marks, line and paragraph separators
HIDDEN = "\ufffd"


class Span(NamedTuple):
    """Half-open range of the source, lines and columns counted from 0."""

    start_line: int
    start_column: int
    end_line: int
    end_column: int

    def to(self, other: Span) -> Span:
        """From the start of this span to the end of the other."""
        return Span(self.start_line, self.start_column, other.end_line, other.end_column)


NOWHERE = Span(-1, -1, -1, -1)


class Diagnostic(NamedTuple):
    """One mistake: where it is, what is wrong and (may be empty) what to do about it."""

    span: Span
    message: str
    hint: str = ""


class Reporter:
    """Collects the diagnostics of one stage."""

    def __init__(self, source: str, filename: str | None = None) -> None:
        self.source = source
        self.filename = filename
        self.found: list[Diagnostic] = []
        self._seen: set[tuple[int, int, str]] = set()

    def add(self, span: Span, message: str, hint: str = "") -> None:
        """Note a mistake; the same message at the same place is kept once."""
        key = (span.start_line, span.start_column, message)
        if key not in self._seen:
            self._seen.add(key)
            self.found.append(Diagnostic(span, shorten(message, MAX_MESSAGE), shorten(hint, MAX_MESSAGE)))

    def near(self, name: str, known: Iterable[str]) -> str:
        """``did you mean`` for an unknown name; nothing more when so many errors were found that few are shown."""
        return did_you_mean(name, known) if len(self.found) < MAX_REPORTS else ""

    def raise_if_any(self, category: str) -> None:
        """Raise GarbleError with everything found, sorted by position."""
        if self.found:
            raise make_error(category, self.found, self.source, self.filename)


def make_error(
    category: str, diagnostics: Iterable[Diagnostic], source: str, filename: str | None = None
) -> GarbleError:
    """The error of one stage from its diagnostics, sorted by position."""
    ordered = sorted(diagnostics, key=lambda item: item.span)
    lines = source.split("\n")
    blocks = [render(category, item, lines, filename) for item in ordered[:MAX_REPORTS]]
    if len(ordered) > MAX_REPORTS:
        blocks.append(f"and {len(ordered) - MAX_REPORTS} more {category} errors")
    triples = [
        (item.span.start_line + 1, item.span.start_column + 1, with_hint(item.message, item.hint)) for item in ordered
    ]
    return GarbleError(category, triples, "\n\n".join(blocks))


def with_hint(message: str, hint: str) -> str:
    """Cause and cure on one line."""
    return f"{message}; {hint}" if hint else message


def shorten(text: str, limit: int = 40) -> str:
    """A text without its middle when it is too long to read."""
    return text if len(text) <= limit else f"{text[: limit * 2 // 3]}...{text[-(limit // 4) :]}"


def render(category: str, item: Diagnostic, lines: list[str], filename: str | None) -> str:
    """One block: headline, excerpt with the span underlined, hint."""
    name = f"{filename}:" if filename else ""
    if item.span == NOWHERE:
        head = f"{category} error: {item.message}"
        return head if not item.hint else f"{head}\n  help: {item.hint}"
    place = f"{name}{item.span.start_line + 1}:{item.span.start_column + 1}"
    parts = [f"{category} error at {place}: {item.message}", *excerpt(item.span, lines)]
    if item.hint:
        parts.append(f"  help: {item.hint}")
    return "\n".join(parts)


def excerpt(span: Span, lines: list[str]) -> list[str]:
    """Source lines around a span, two lines of context, the span underlined with ``^``; long spans are shortened."""
    first = max(0, span.start_line - CONTEXT_LINES)
    last = min(len(lines) - 1, span.end_line + CONTEXT_LINES)
    while last > span.end_line and not lines[last].strip():
        last -= 1  # the end of a file is no line, and blank ones are no context
    gutter = len(str(last + 1))
    offset = max(0, span.start_column - WIDTH // 2) if span.start_column > WIDTH - 20 else 0
    shown = [f"{'':{gutter}} |"]
    for number in range(first, last + 1):
        if span.end_line - span.start_line >= LONG_SPAN and span.start_line + 2 <= number < span.end_line:
            if number == span.start_line + 2:
                shown.append(f"{'':{gutter}} | ...")
            continue
        text = lines[number].rstrip("\r")
        shown.append(f"{number + 1:>{gutter}} | {visible(_window(text, offset))}".rstrip())
        if span.start_line <= number <= span.end_line:
            start = span.start_column if number == span.start_line else len(text) - len(text.lstrip())
            end = span.end_column if number == span.end_line else len(text)
            if end > start or number == span.start_line:
                inside = text[max(start, offset) : min(end, offset + WIDTH)]
                before, marked = (columns(visible(part)) for part in (text[offset:start], inside))
                shown.append(f"{'':{gutter}} | {' ' * before}{'^' * max(1, marked)}")
    return shown


def _window(text: str, offset: int) -> str:
    """The part of a line that is shown, with dots where something is left out."""
    part = text[offset : offset + WIDTH]
    if offset and part:
        part = "..." + part[3:]
    return part + "..." if len(text) > offset + WIDTH else part


def visible(text: str) -> str:
    """A source line as it is shown: tabs as four spaces, no control characters that a terminal would obey."""
    return "".join("    " if char == "\t" else HIDDEN if category(char) in UNSEEN else char for char in text)


def columns(text: str) -> int:
    """Columns that a text takes on a terminal: East Asian characters two, accents that are put on another none."""
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)
