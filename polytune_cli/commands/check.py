"""``polytune check``: what can be known before a run, and what a run tells the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from polytune_cli.policyfile import PolicyFile, policy_options

if TYPE_CHECKING:
    from engine.run.check import Finding, Report
    from engine.run.disclosure import Disclosure

#: Status -> (word, colour).
_WORDS = {"ok": ("ok", "green"), "note": ("note", None), "warning": ("WARN", "yellow"), "failed": ("FAIL", "red")}
_INDENT = " " * 18


@click.command("check")
@policy_options
@click.option("--db", is_flag=True, help="Connect to the databases: convert all rows, try the output. Changes nothing.")
@click.option("--peers", is_flag=True, help="Ask every other party for its version; they must be listening.")
@click.option(
    "--const",
    "consts",
    multiple=True,
    metavar="PARTY::NAME=VALUE",
    help="Constant of another party, where a type depends on it.  [default: the own one of that name]",
)
@click.option("--addr", metavar="IP", help="The address that 'serve' will listen on.  [default: 127.0.0.1]")
@click.option("--allow-insecure", is_flag=True, help="As for 'serve'.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def command(
    ctx: click.Context,
    policy_file: PolicyFile,
    db: bool,
    peers: bool,
    consts: tuple[str, ...],
    addr: str | None,
    allow_insecure: bool,
    as_json: bool,
) -> None:
    """Check a policy before a run, and show what it discloses to the other parties.

    Policy, program, types, keys and the rule for plain http are always checked; databases and other parties on request.
    All problems are shown, not only the first.

    Exit status: 0 when nothing stands in the way of a run, else that of the first problem: 3 policy or program, 4 data,
    5 security, 6 local resource, 1 a party that cannot be reached.
    """
    from engine.run.check import check_party
    from polytune_cli.commands.eval import read_constants
    from polytune_cli.commands.serve import listen_address
    from polytune_cli.console import json_text

    report = check_party(
        policy_file.load,
        address=listen_address(addr, None)[0],
        allow_insecure=allow_insecure,
        database=db,
        peers=peers,
        constants=read_constants(consts),
    )
    if as_json or getattr(ctx.obj, "json", False):
        click.echo(json_text(as_object(report)))
    else:
        _print(report, db=db, peers=peers, quiet=bool(getattr(ctx.obj, "quiet", False)))
    ctx.exit(report.exit_code)


def as_object(report: Report) -> dict[str, Any]:
    """The object that ``--json`` prints."""
    policy, disclosed = report.policy, report.disclosed
    return {
        "ok": report.exit_code == 0,
        "exit_code": report.exit_code,
        "party": policy.party if policy is not None else None,
        "parties": len(policy.participants) if policy is not None else None,
        "findings": [
            {"about": f.about, "status": f.status, "message": f.message, "hint": f.hint, "exit_code": f.exit_code}
            for f in report.findings
        ],
        "disclosed": disclosed.to_json() if disclosed is not None else None,
    }


def _print(report: Report, *, db: bool, peers: bool, quiet: bool) -> None:
    shown = [finding for finding in report.findings if not quiet or finding.status in ("warning", "failed")]
    for finding, following in zip(shown, [*shown[1:], None]):
        _print_finding(finding, with_hint=following is None or following.hint != finding.hint)
    failed = sum(finding.status == "failed" for finding in report.findings)
    if not quiet and report.disclosed is not None and report.policy is not None:
        _say("")
        for line in _disclosed(report.disclosed, report.policy.party, len(report.policy.participants)):
            _say(line)
    if failed:
        click.echo(f"Error: {failed} problem{'s' * (failed > 1)} found", err=True)
        return
    if quiet:
        return
    left = [option for option, done in (("--db", db), ("--peers", peers)) if not done]
    more = f" ({' and '.join(left)} would look further)" if left else ""
    _say(f"\nNothing stands in the way of a run{more}.")


def _print_finding(finding: Finding, *, with_hint: bool) -> None:
    word, colour = _WORDS[finding.status]
    first, *rest = finding.message.splitlines() or [""]
    _say(f"{click.style(f'{word:4}', fg=colour) if _colours() else f'{word:4}'}  {finding.about:10}  {first}")
    for line in rest:
        _say(f"{_INDENT}{line}")
    if finding.hint and with_hint:
        _say(f"{_INDENT}hint: {finding.hint}")


def _disclosed(disclosed: Disclosure, own: int, parties: int) -> list[str]:
    """What others learn, as lines."""
    lines = ["Disclosed to the other parties:"]
    width = max((len(item.name) for item in disclosed.constants), default=0)
    for item in disclosed.constants:
        value = "known with --db" if item.value is None else str(item.value).lower()
        lines.append(f"  {item.name:{width}} = {value} ({item.meaning})")
    lines += [f"  {text}" for text in disclosed.others]
    lines.append(f"The result, {disclosed.result_type}, goes to {_receivers(disclosed.result_parties, own, parties)}.")
    return [*lines, disclosed.kept]


def _receivers(numbers: tuple[int, ...], own: int, parties: int) -> str:
    names = ["this party" if number == own else f"party {number}" for number in numbers]
    if len(numbers) == parties:
        return "all parties"
    return f"{' and '.join([', '.join(names[:-1]), names[-1]] if len(names) > 1 else names)} only"


def _say(line: str) -> None:
    import sys

    from engine.redaction import clean
    from polytune_cli.console import to_stream

    to_stream(sys.stdout)(clean(line))


def _colours() -> bool:
    import os
    import sys

    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
