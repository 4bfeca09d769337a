"""The house: `midwatch env`. Shell lines that let plain `prefect` commands reach it."""

from __future__ import annotations

import os

import typer

from cli.environment import exports
from cli.home import locate


def env() -> None:
    """Print `export` lines; use them as: eval "$(midwatch env)". They hold the password."""
    typer.echo(exports(locate(os.environ), os.environ))
