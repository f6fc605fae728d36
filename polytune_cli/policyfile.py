"""The options of every command that reads a policy, and reading it with them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from engine.policy import Policy


@dataclass(frozen=True)
class PolicyFile:
    """A policy file as the command line names it. ``env_file`` gives variables that the environment lacks."""

    path: Path
    env_file: Path | None = None
    allow_unknown_keys: bool = False

    def load(self) -> Policy:
        """Read and check it; raises PolicyError."""
        from engine.policy import load_policy, read_env_file

        environ = {**read_env_file(self.env_file), **os.environ} if self.env_file is not None else None
        return load_policy(self.path, environ, allow_unknown_keys=self.allow_unknown_keys)


_OPTIONS = (
    click.option(
        "-c",
        "--config",
        required=True,
        type=click.Path(path_type=Path),
        metavar="POLICY",
        help="The policy file of this party.",
    ),
    click.option(
        "--env-file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="NAME=value lines for ${NAME} in the policy; the environment goes first.",
    ),
    click.option("--allow-unknown-keys", is_flag=True, help="Ignore keys of the policy that nobody knows."),
    click.option(
        "--show-values", is_flag=True, help="Quote the values of rows in errors; on a terminal only, without --i-know."
    ),
    click.option("--i-know", is_flag=True, help="Allow --show-values where the output may be kept in a file."),
)


def policy_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options above; it is called with ``policy_file``, a :class:`PolicyFile`, in their place."""

    @wraps(command)
    def wrapper(
        *args: Any,
        config: Path,
        env_file: Path | None,
        allow_unknown_keys: bool,
        show_values: bool,
        i_know: bool,
        **others: Any,
    ) -> Any:
        _show_values(show_values, i_know)
        return command(*args, policy_file=PolicyFile(config, env_file, allow_unknown_keys), **others)

    for option in reversed(_OPTIONS):
        wrapper = option(wrapper)
    return wrapper


def _show_values(wanted: bool, i_know: bool) -> None:
    if wanted and not i_know and not (sys.stdout.isatty() and sys.stderr.isatty()):
        raise click.UsageError(
            "--show-values prints values of rows, and the output is no terminal: it may be kept somewhere. "
            "Say --i-know if that is right."
        )
    if wanted:
        from engine import redaction

        redaction.show_values(True)
