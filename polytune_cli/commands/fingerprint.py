"""``polytune fingerprint``: the name under which others know a certificate."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path

import click


@click.command("fingerprint")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(file: Path, as_json: bool) -> None:
    """Print the fingerprint of a certificate (FILE: PEM or DER), as it stands in 'identities'."""
    from engine.transport.certificates import read_certificate

    found = read_certificate(file)
    note = found.validity.problem() or found.validity.warning()
    if as_json:
        ends = f"{found.validity.end:%Y-%m-%d}"
        click.echo(jsonlib.dumps({"ok": True, "fingerprint": found.fingerprint, "expires": ends}))
        return
    click.echo(found.fingerprint)
    if note:
        click.echo(f"warning: the certificate {note}", err=True)
