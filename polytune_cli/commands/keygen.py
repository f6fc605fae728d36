"""``polytune keygen``: the key and the certificate of a party."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path

import click

from polytune_cli.keys import DAYS


@click.command("keygen")
@click.option("--party", required=True, type=click.IntRange(0, 254), metavar="N", help="Number of the party.")
@click.option(
    "--host",
    "hosts",
    multiple=True,
    metavar="HOST",
    help="Name or IP address at which the others reach this party; may be given several times.",
)
@click.option(
    "--days", type=click.IntRange(1, 36500), default=DAYS, show_default=True, help="How long the certificate counts."
)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default=Path("."), help="Folder.  [default: this one]"
)
@click.option("--force", is_flag=True, help="Replace an existing key; the others then need the new fingerprint.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(party: int, hosts: tuple[str, ...], days: int, out: Path, force: bool, as_json: bool) -> None:
    """Make the key and the certificate of one party, and print the fingerprint for the other parties.

    Writes p<N>.key (readable by you alone; it never leaves this machine) and p<N>.crt. Give the printed fingerprint to
    the other parties in a way that nobody can tamper with: every policy lists those of all parties under 'identities'.
    """
    from engine.transport.certificates import make_certificate
    from polytune_cli.keys import write_pair

    try:
        made = make_certificate(f"polytune party {party}", hosts, days)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="'--host'") from None
    key, certificate = write_pair(out, party, made.key, made.certificate, force)
    if as_json:
        told = {"key": str(key), "cert": str(certificate), "fingerprint": made.fingerprint}
        click.echo(jsonlib.dumps({"ok": True, **told, "expires": f"{made.validity.end:%Y-%m-%d}"}))
        return
    click.echo(made.fingerprint)
    click.echo(f"wrote {key} and {certificate} (until {made.validity.end:%Y-%m-%d})", err=True)
