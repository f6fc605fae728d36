"""Secrets of this process, kept out of everything that it says.

Whoever reads a secret (a password, a shared key) registers it; every text that leaves the process (a line of a log, an
error, an event, a JSON object) goes through :func:`clean`. Values of rows are in no message unless
:func:`show_values` was called; texts of foreign exceptions may quote them, so :func:`trace` leaves those out.
"""

from __future__ import annotations

import html
import json
import re
import threading
import traceback
from collections.abc import Iterator
from urllib.parse import quote

from engine.errors import PolytuneError

MASK = "***"
#: Shorter texts are too likely to be part of an ordinary message.
SHORTEST = 3
#: Shorter secrets are masked as whole words only.
_WORD = 8
#: Lines of a secret of several lines (a key file) that are masked where they stand alone.
_LINE = 16

# Up to the last @ before a space or quote: a password may hold @, / and # when somebody forgot to encode it.
_CREDENTIALS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)([^\s'\"]*)@")
_SECRET_PARAMETER = re.compile(r"((?:password|passwd|pwd|secret|token)\s*=\s*)([^\s&;'\"]+)", re.I)
_SECRET_MEMBER = re.compile(r"""(["'](?:password|psk)["']\s*:\s*)("[^"]*"|'[^']*')""", re.I)

_lock = threading.Lock()
_known: set[str] = set()
_pattern: re.Pattern[str] | None = None
_values = False


def register(*secrets: str) -> None:
    """From now on :func:`clean` masks these texts, however they are quoted."""
    global _pattern
    with _lock:
        _known.update(form for secret in secrets for form in _forms(secret) if len(form) >= SHORTEST)
        longest_first = sorted(_known, key=lambda form: (-len(form), form))
        _pattern = re.compile("|".join(map(_masked, longest_first))) if longest_first else None


def clean(text: str) -> str:
    """``text`` without registered secrets and without passwords of URLs."""
    pattern = _pattern
    return redact(pattern.sub(MASK, text) if pattern is not None else text)


def redact(url: str) -> str:
    """A URL (or a text that holds URLs) with every password as ``***``; the user name stays."""

    def hide(match: re.Match[str]) -> str:
        scheme, inner = match.groups()
        user, colon, _ = inner.partition(":")
        return f"{scheme}{user}{':***' if colon else ''}@"

    text = _SECRET_PARAMETER.sub(r"\1***", _CREDENTIALS.sub(hide, url))
    return _SECRET_MEMBER.sub(r"\1'***'", text)


def _forms(secret: str) -> Iterator[str]:
    parts = [secret, *(line for line in secret.splitlines() if len(line) >= _LINE)]
    for part in parts:
        quoted = (quote(part, safe=safe, errors="surrogatepass") for safe in ("/", ""))
        yield from (part, *quoted, html.escape(part), repr(part)[1:-1])
        yield from (json.dumps(part)[1:-1], json.dumps(part, ensure_ascii=False)[1:-1])


def _masked(form: str) -> str:
    return re.escape(form) if len(form) >= _WORD else rf"(?<!\w){re.escape(form)}(?!\w)"


def show_values(wanted: bool) -> None:
    """Whether errors of this process may quote the value that they are about (``--show-values``)."""
    global _values
    _values = wanted


def values_shown() -> bool:
    """Whether an error may quote a value of a row."""
    return _values


def trace(error: BaseException) -> str:
    """The traceback of an error and of what caused it, with the messages of our own errors only."""
    seen: set[int] = set()
    parts: list[str] = []
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        name = f"{type(current).__module__}.{type(current).__qualname__}".removeprefix("builtins.")
        message = f": {current.message}" if isinstance(current, PolytuneError) else ""
        frames = "".join(traceback.format_tb(current.__traceback__))
        parts.append(f"Traceback (most recent call last):\n{frames}{name}{message}")
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return clean("\n\nwhich was caused by\n\n".join(parts))
