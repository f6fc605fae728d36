"""Files of variables for ``${NAME}`` in policies: ``NAME=value`` lines, as Docker and many shells read them."""

from __future__ import annotations

import os
import re
from pathlib import Path

from engine.errors import PolicyError

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)\Z")
MAX_FILE = 1 << 20


def read_env_file(path: str | os.PathLike[str]) -> dict[str, str]:
    """The variables of a file. Raises PolicyError with all lines that cannot be read; values are never shown.

    Blank lines and lines that begin with ``#`` are skipped. A value in single or double quotes is what stands between
    them; otherwise it ends at `` #`` and has no blanks around it. Nothing in a value is expanded.
    """
    file = Path(path)
    found: dict[str, str] = {}
    problems: list[str] = []
    for number, line in enumerate(_text(file).split("\n"), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        match = _LINE.match(line)
        value = _value(match[2].strip()) if match else None
        if match is None or value is None:
            problems.append(f"expected NAME=value (line {number})" if match is None else f"open quote (line {number})")
        else:
            found[match[1]] = value
    if problems:
        raise PolicyError(f"'{file}' has an invalid format: {'; '.join(problems)}", problems, "correct the file")
    return found


def _value(text: str) -> str | None:
    if text[:1] in ("'", '"'):
        end = text.find(text[0], 1)
        return None if end < 0 else text[1:end]
    return re.split(r"\s#", f" {text}", maxsplit=1)[0].strip()


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > MAX_FILE:
            raise PolicyError(f"'{file}' is larger than 1 MiB", hint="a file of variables is a small text file")
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise PolicyError(f"Could not find '{file}', exiting...", hint="check the path after --env-file") from None
    except UnicodeDecodeError as error:
        raise PolicyError(f"'{file}' has an invalid format: not valid UTF-8 at byte {error.start}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a valid path"
        raise PolicyError(f"Could not read '{file}': {reason}", hint="check the path and its permissions") from None
