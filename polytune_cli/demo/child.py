"""Entry point of the demo's child processes: ``python -m polytune_cli.demo.child ARGUMENTS`` runs ``polytune
ARGUMENTS``.

On Linux the kernel ends the process when its parent dies, even when the parent was killed and could not
clean up.
"""

from __future__ import annotations

import os
import signal
import sys

PARENT = "POLYTUNE_PARENT_PROCESS"
_PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """Ask for SIGTERM when the parent dies, and leave at once if that has already happened."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.environ.pop(PARENT, str(os.getppid())) != str(os.getppid()):
        sys.exit(143)


def main() -> None:
    """Tie this process to its parent and become the command line."""
    end_with_parent()
    from polytune_cli.main import main as command_line

    command_line()


if __name__ == "__main__":
    main()
