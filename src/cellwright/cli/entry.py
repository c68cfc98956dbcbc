"""`main`: from arguments to an exit code; the one place where errors become lines. Floor 7.

    0    done, or the reader of a pipe went away      2    a mistake of the user's, in one line on stderr
    130  interrupted                                  1    a fault of ours

Typer only parses: the verb runs outside of it, so that every error comes here. `CELLWRIGHT_DEBUG=1` adds the
traceback. Imports nothing heavy.
"""

from __future__ import annotations

import functools
import io
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import typer

from cellwright import config
from cellwright.cli.screen import complain, notice, notices_from_warnings
from cellwright.cli.usage import usage_line
from cellwright.cli.verbs import HELP, Command, find
from cellwright.errors import Interrupted, UserError

WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: the arguments without the program's name; those of the process when left out.

    Returns:
        The exit code; see the table above.
    """
    _never_fail_to_print()
    if argv is None:
        _wait_asleep()
    try:
        with notices_from_warnings():
            code = _run(list(sys.argv[1:] if argv is None else argv))
            sys.stdout.flush()
        return code
    except (Exception, KeyboardInterrupt) as error:
        return _ended(error)


def _run(arguments: list[str]) -> int:
    command = find(arguments)
    try:
        parsed = _parser(command)(args=command.arguments, prog_name=command.name, standalone_mode=False)
    except SystemExit:
        raise BrokenPipeError from None  # how Typer leaves when the reader of its help goes away
    if not callable(parsed):
        return int(parsed or 0)  # help was shown, or Ctrl-C while parsing
    parsed()
    return 0


def _parser(command: Command) -> Callable[..., Any]:
    """Typer's parser: it returns the call that the arguments stand for, or an exit code."""
    app = typer.Typer(add_completion=False, context_settings={"help_option_names": [*reversed(HELP)]})
    if command.function is not None:
        app.command(help=command.help)(_deferred(command.function))
    else:
        app.callback(help=command.help)(_nothing)
        for row in command.rows:
            app.command(row.name, help=row.help, rich_help_panel=row.group)(_nothing)
    parser: Callable[..., Any] = typer.main.get_command(app)
    return parser


def _nothing() -> None:
    """What stands behind a row of a help page."""


def _deferred(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **values: Any) -> Callable[[], Any]:
        return functools.partial(function, *args, **values)

    return call


def _ended(error: BaseException) -> int:
    """Say what happened, in one line, and give the exit code."""
    if isinstance(error, BrokenPipeError):
        _silence_stdout()
        return 0
    debugging = config.read("CELLWRIGHT_DEBUG") is not None
    if debugging:
        traceback.print_exception(error, file=sys.stderr)
    if isinstance(error, (KeyboardInterrupt, Interrupted)):
        notice(str(error) or "interrupted")
        return 130
    line = str(error) if isinstance(error, UserError) else usage_line(error) or _of_the_system(error)
    if line is not None:
        complain(line)
        return 2
    hint = "" if debugging else "; CELLWRIGHT_DEBUG=1 shows the traceback"
    complain(f"a fault in Cellwright, {type(error).__name__}: {error}{hint}")
    return 1


def _of_the_system(error: BaseException) -> str | None:
    """A file that the system refuses: no fault of ours, whoever asked for it."""
    if not isinstance(error, OSError) or error.filename is None:
        return None
    return f"{error.strerror or error} ({error.filename}); check the path, the rights and the free space"


def _wait_asleep() -> None:
    """In a process of our own, and before torch is there: threads that wait for each other sleep.

    OpenMP lets them spin, which on cores that others use too costs many times the work itself. Whoever has
    said how threads wait is not overruled.
    """
    if "torch" not in sys.modules and not any(name in os.environ for name in WAITING):
        os.environ["OMP_WAIT_POLICY"] = "passive"


def _never_fail_to_print() -> None:
    """A terminal that cannot show a character shows a question mark; the work goes on."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="replace")


def _silence_stdout() -> None:
    """The reader went away: what is still buffered must not be written when Python ends."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        return
