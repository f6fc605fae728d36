"""Log lines as the documentation shows them: ``2026-01-31T12:00:00.000000Z  INFO polytune: message``."""

from __future__ import annotations

import datetime
import json
import logging
import os
import sys
from collections.abc import Callable
from typing import Any

from engine import redaction

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
LEVELS["warn"] = logging.WARNING
_NAMES = {logging.DEBUG: "DEBUG", logging.INFO: "INFO", logging.WARNING: "WARN", logging.ERROR: "ERROR"}
TARGET = "polytune"


def _timestamp(created: float) -> str:
    moment = datetime.datetime.fromtimestamp(created, datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class LineFormatter(logging.Formatter):
    """The line format for people and for tests that wait for a text."""

    def format(self, record: logging.LogRecord) -> str:
        """One line; a traceback only where the caller asked for it at debug level."""
        level = _NAMES.get(record.levelno, record.levelname)
        line = f"{_timestamp(record.created)} {level:>5} {TARGET}: {redaction.clean(record.getMessage())}"
        if record.exc_info and record.exc_info[1] is not None:
            line += "\n" + redaction.trace(record.exc_info[1])
        return line


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        fields = {
            "time": _timestamp(record.created),
            "level": _NAMES.get(record.levelno, record.levelname).lower(),
            "target": TARGET,
            "message": redaction.clean(record.getMessage()),
        }
        if record.exc_info and record.exc_info[1] is not None:
            fields["traceback"] = redaction.trace(record.exc_info[1])
        return json.dumps(fields, ensure_ascii=False)


class LineHandler(logging.Handler):
    """Hands finished lines to ``write``, which may change while a live view is open."""

    def __init__(self, write: Callable[[str], None]) -> None:
        super().__init__()
        self.write = write

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; a closed pipe is no reason to stop a run."""
        try:
            self.write(self.format(record))
        except (BrokenPipeError, ValueError):
            return
        except Exception:
            self.handleError(record)

    def say(self, line: str) -> None:
        """Write a line whatever the level is: the last word of ``--quiet``."""
        self.emit(logging.LogRecord(TARGET, logging.INFO, "", 0, "%s", (line,), None))


def to_stream(stream: object) -> Callable[[str], None]:
    """A writer of lines that survives encodings that lack a character."""

    def write(line: str) -> None:
        encoding = getattr(stream, "encoding", None) or "utf-8"
        text = line.encode(encoding, "replace").decode(encoding)
        print(text, file=stream, flush=True)  # type: ignore[call-overload]

    return write


def json_text(record: Any) -> str:
    """A JSON value for standard output or a stream of events, without secrets."""
    return json.dumps(_clean(record))


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return redaction.clean(value)
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(item) for item in value]
    return value


def level_of(text: str) -> int:
    """The level of ``POLYTUNE_LOG`` or ``--log-level``; raises ValueError for anything that is none.

    The text is a name, or a list of them in which a bare name or ``polytune=name`` counts.
    """
    chosen = logging.INFO
    for item in filter(None, (part.strip() for part in text.split(","))):
        module, equals, name = item.rpartition("=")
        if name.lower() not in LEVELS:
            raise ValueError(f"'{item}' is not a log level (debug, info, warning, error)")
        if not equals or module.split(".")[0] in ("polytune", "polytune_cli", "engine"):
            chosen = LEVELS[name.lower()]
    return chosen


def set_up(level: int, *, as_json: bool = False, to_stderr: bool = False) -> LineHandler:
    """Configure the logger ``polytune``; returns its handler."""
    handler = LineHandler(to_stream(sys.stderr if to_stderr else sys.stdout))
    handler.setFormatter(JsonFormatter() if as_json else LineFormatter())
    logger = logging.getLogger(TARGET)
    for old in list(logger.handlers):
        logger.removeHandler(old)
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False
    return handler


def name_run(record: logging.LogRecord) -> bool:
    """A filter for processes with several runs at a time: lines of a run's thread say which run it is."""
    thread = record.threadName or ""
    if thread.startswith("run-") and not record.getMessage().startswith("run "):
        record.msg = f"run {thread.removeprefix('run-')}: {record.msg}"
    return True


def default_level() -> str:
    """What ``POLYTUNE_LOG`` says, else info."""
    return os.environ.get("POLYTUNE_LOG", "") or "info"
