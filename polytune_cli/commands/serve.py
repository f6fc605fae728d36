"""``polytune serve``: take part in computations as one party."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from polytune_cli.console import default_level, level_of
from polytune_cli.policyfile import PolicyFile, policy_options

if TYPE_CHECKING:
    from polytune_cli.main import Settings

SOCKET_ADDRESS = "SOCKET_ADDRESS"


@click.command("serve")
@policy_options
@click.option("--addr", metavar="IP", help="Address to listen on.  [default: 127.0.0.1]")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 lets the system choose.  [default: that of the own URL if it is loopback, else 8000]",
)
@click.option(
    "--wait-peers",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="SECONDS",
    help="Leader: keep asking parties that are not there yet.",
)
@click.option(
    "--keep-serving",
    is_flag=True,
    help="Leader: stay, and start a run when 'polytune run' or POST /schedule of the operators' listener asks for it.",
)
@click.option(
    "--runs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Contributor, or leader with --keep-serving: end after N runs.  [default: never]",
)
@click.option(
    "--allow-insecure", is_flag=True, help="Permit plain http beyond loopback: for private test networks only."
)
@click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where a result is saved that could not be written.  [default: $XDG_STATE_HOME/polytune]",
)
@click.option(
    "--threads", type=click.IntRange(1, 1024), metavar="N", help="Threads that compute.  [default: the usable cores]"
)
@click.option(
    "--events-fd", type=click.IntRange(min=0), metavar="N", help="Write progress as JSON lines to this descriptor."
)
@click.option(
    "--admin-port",
    type=click.IntRange(0, 65535),
    help="Open the operators' listener (status, metrics, cancel) on this port; 0 lets the system choose.",
)
@click.option(
    "--admin-addr",
    metavar="IP",
    default="127.0.0.1",
    show_default=True,
    help="Address of the operators' listener; beyond loopback it needs POLYTUNE_ADMIN_TOKEN.",
)
@click.option(
    "--admin-host", multiple=True, metavar="NAME", help="Another host name under which operators reach their listener."
)
@click.option("--strict", is_flag=True, help="Make errors of the warnings about the output's statements.")
@click.option(
    "--result",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write an account of each run to FILE: id, end, times, bytes by phase; no values.",
)
@click.option(
    "--profile",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write a trace of the run to FILE, and a table of it to stderr.",
)
@click.pass_context
def command(
    ctx: click.Context,
    policy_file: PolicyFile,
    addr: str | None,
    port: int | None,
    wait_peers: float,
    keep_serving: bool,
    runs: int | None,
    allow_insecure: bool,
    state_dir: Path | None,
    threads: int | None,
    events_fd: int | None,
    admin_port: int | None,
    admin_addr: str,
    admin_host: tuple[str, ...],
    strict: bool,
    result: Path | None,
    profile: Path | None,
) -> int:
    """Take part in computations as one party.

    A contributor listens until it is stopped and joins every run that fits its policy. The leader, started last, asks
    the others to join, computes once, writes the result and ends; with --keep-serving it stays and waits to be asked.
    """
    address, number = listen_address(addr, port)
    level = log_level(ctx.obj)
    if not _is_ip(admin_addr):
        raise _not_an_ip(admin_addr, "--admin-addr")
    from polytune_cli.server.process import DeskOptions, Options, serve

    desk = None
    if admin_port is not None or keep_serving:
        desk = DeskOptions(admin_port or 0, admin_addr, admin_host)
    return serve(
        Options(
            policy_file=policy_file,
            address=address,
            port=number,
            wait_peers=wait_peers,
            keep_serving=keep_serving,
            runs=runs,
            allow_insecure=allow_insecure,
            state_dir=state_dir or default_state_dir(),
            threads=threads,
            events_fd=events_fd,
            desk=desk,
            strict=strict,
            result=result,
            profile=profile,
            level=level,
            settings=ctx.obj,
        )
    )


def listen_address(addr: str | None, port: int | None) -> tuple[str, int | None]:
    """Address and port (None: not given) from the options; the environment's ``SOCKET_ADDRESS`` overrides both."""
    given = os.environ.get(SOCKET_ADDRESS)
    if given:
        host, colon, digits = given.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not colon or not digits.isdecimal() or int(digits) > 65535 or not _is_ip(host):
            raise click.UsageError(
                f"{SOCKET_ADDRESS}: '{given}' is not an address and a port, for example 127.0.0.1:8000"
            )
        return host, int(digits)
    address = addr or "127.0.0.1"
    if not _is_ip(address):
        raise _not_an_ip(address, "--addr")
    return address, port


def _not_an_ip(text: str, option: str) -> click.BadParameter:
    return click.BadParameter(
        f"'{text}' is not an IP address, for example 127.0.0.1 or 0.0.0.0", param_hint=f"'{option}'"
    )


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def log_level(settings: Settings) -> int:
    """Level from -v, -q, --log-level or POLYTUNE_LOG."""
    import logging

    if settings.verbose:
        return logging.DEBUG
    if settings.quiet:
        return logging.WARNING
    try:
        return level_of(settings.log_level or default_level())
    except ValueError as error:
        raise click.UsageError(f"log level: {error}") from None


def default_state_dir() -> Path:
    """``$XDG_STATE_HOME/polytune``, by default below ``~/.local/state``."""
    home = os.environ.get("XDG_STATE_HOME")
    return (Path(home) if home else Path.home() / ".local" / "state") / "polytune"
