"""All commands on one screen, in the order `--help` shows them."""

from typing import Annotated

import typer

from rental_etl import __version__
from rental_etl.cli import aws, batches, ingesting, interfaces, questions, runs, start
from rental_etl.cli.options import command

# Without markup `--help` needs no Rich, which doubles its time.
app = typer.Typer(rich_markup_mode=None)
batch = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def overview(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Rental marketplace data, from CSV files to twelve exact metric tables.

    \b
    Begin with:
      rental-etl demo                  a synthetic marketplace, everything run on it
      rental-etl run --source DIR      your own files
      rental-etl COMMAND --help        each command, with an example
    """
    if version:
        typer.echo(f"rental-etl {__version__}")
        raise typer.Exit
    _help_without_command(context)


@batch.callback(invoke_without_command=True)
def batch_overview(context: typer.Context) -> None:
    """List landed batches; accept or reject a refused one.

    \b
    Examples:
      rental-etl batch list
      rental-etl batch accept 7
    """
    _help_without_command(context)


def _help_without_command(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(2)


command(app, start.demo)
command(app, start.generate)
command(app, start.init)
command(app, runs.run)
command(app, runs.extract)
command(app, runs.load)
command(app, runs.transform)
command(app, runs.metrics)
command(app, runs.report)
command(app, ingesting.ingest)
command(app, questions.check)
command(app, questions.status)
command(app, questions.query)
command(app, questions.export)
command(app, questions.sql)
command(app, interfaces.interfaces)
command(app, batches.quarantine)
command(batch, batches.list_batches, name="list")
command(batch, batches.accept)
command(batch, batches.reject)
app.add_typer(batch, name="batch")
command(app, runs.repair)
command(app, aws.state_machine, name="state-machine")
command(app, aws.cost)
