"""From errors to one line for people and an exit code (spec: service, section 1.3). Imports nothing heavy."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import click

from engine import redaction
from engine.errors import PolicyError, PolytuneError

INTERRUPTED = 130


def show(error: PolytuneError) -> None:
    """Print ``Error: …`` and ``hint: …`` on stderr."""
    _print(f"Error: {error.message}")
    problems = getattr(error, "problems", ())
    if isinstance(error, PolicyError):
        for problem in problems:
            if problem not in error.message:
                _print(f"  {problem}")
    if error.hint:
        _print(f"hint: {error.hint}")


def _print(line: str) -> None:
    # A terminal of another encoding must not turn an error message into a traceback.
    encoding = sys.stderr.encoding or "utf-8"
    line = redaction.clean(line)
    print(line.encode(encoding, "replace").decode(encoding), file=sys.stderr, flush=True)


def guarded(main: Callable[[], Any], traceback: Callable[[], bool]) -> int:
    """Call ``main`` (a click command in standalone mode "off"); every way out becomes an exit code."""
    _fill_standard_streams()
    _no_foreign_tracebacks(traceback)
    try:
        result = main()
    except PolytuneError as error:
        _trace(error, traceback())
        show(error)
        return error.exit_code
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        _print("Error: interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output is gone (`polytune … | head`); nothing is left to say.
        _silence_stdout()
        return 0
    except MemoryError:
        _print("Error: out of memory\nhint: use fewer rows, or a machine with more memory")
        return 6
    except Exception as error:
        _trace(error, traceback())
        _print(f"Error: internal error ({type(error).__name__})")
        _print("hint: run again with -vv for details, and report it")
        return 1
    return result if isinstance(result, int) else 0


def _trace(error: BaseException, wanted: bool) -> None:
    if wanted:
        _print(redaction.trace(error))


def _no_foreign_tracebacks(traceback: Callable[[], bool]) -> None:
    """An exception that nobody catches in a thread or a destructor: its text may hold rows, so its name is told."""

    def tell(what: str, error: BaseException | None) -> None:
        if error is not None:
            _trace(error, traceback())
            _print(f"Error: internal error in {what} ({type(error).__name__})")

    threading.excepthook = lambda args: tell("a thread", args.exc_value)
    sys.unraisablehook = lambda args: tell("a destructor", args.exc_value)


def _fill_standard_streams() -> None:
    """What was closed by the caller (``>&-``) leads nowhere; else the next file or socket would get its number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            while (descriptor := os.open(os.devnull, os.O_RDWR)) < number:  # those before it are closed as well
                pass
            if descriptor > number:
                os.dup2(descriptor, number)
                os.close(descriptor)
            stream = open(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)


def _silence_stdout() -> None:
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
