"""The commands put together; modules of commands import nothing heavy before they run."""

import signal
import sys
import warnings

import typer

from histo import __version__
from histo.cli import agree, case, data, demo, doctor, evaluate, infer, info, models, train
from histo.vocabulary import RESEARCH_USE

__all__ = ["app", "run"]

app = typer.Typer(
    name="histo",
    help=f"Score the stroma of tumours on whole-slide images. {RESEARCH_USE}",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("infer")(infer.infer)
app.command("info")(info.info)
app.command("demo")(demo.demo)
app.command("case")(case.case)
app.command("agree")(agree.agree)
app.add_typer(models.app, name="models")
app.command("doctor")(doctor.doctor)
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.add_typer(data.app, name="data")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"histo {__version__}")
        raise typer.Exit


@app.callback()
def _top(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Take the options that stand before a command."""


def run(command: str | None = None) -> None:
    """Run the command line, with ``command`` put first if given."""
    for stream in (sys.stdout, sys.stderr):  # a Windows console may not be UTF-8
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # libraries' advice to programmers; --debug shows it
    signal.signal(signal.SIGTERM, _end)
    if command:
        sys.argv.insert(1, command)
    app(prog_name="histo")  # reads sys.argv itself: only then *.svs is expanded on Windows


def _end(number: int, _frame: object) -> None:
    """End by exception when a cluster ends the job, so that nothing half-written is left."""
    raise SystemExit(128 + number)
