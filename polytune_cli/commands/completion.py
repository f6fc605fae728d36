"""``polytune completion``: commands, options and choices by the Tab key."""

from __future__ import annotations

import click


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    bash: eval "$(polytune completion bash)" in ~/.bashrc (bash 4.4 or newer)
    zsh:  eval "$(polytune completion zsh)" in ~/.zshrc, after compinit
    fish: polytune completion fish > ~/.config/fish/completions/polytune.fish
    """
    from click.shell_completion import get_completion_class

    from polytune_cli.main import cli

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(cli, {}, "polytune", "_POLYTUNE_COMPLETE").source())
