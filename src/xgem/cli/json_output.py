"""What a command found, on stdout: sentences for a person or, with ``--json``, one document."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print a machine-readable result.")]
"""The option that every command has."""


def print_result(sentences: str, facts: Mapping[str, Any], as_json: bool) -> None:
    """Print the same result in the form that was asked for."""
    typer.echo(json.dumps(facts, indent=1) if as_json else sentences)
