"""Programs, run within the process of the tests: one of their own takes most of a second to start. Of each program
some test runs the real one."""

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from subprocess import CompletedProcess
from unittest.mock import patch


def run_within(
    main: Callable[[], None], *options: str, environment: Mapping[str, str], typed: str = ""
) -> CompletedProcess[str]:
    """What the program prints and how it ends; what it does not catch is raised."""
    with (
        patch.dict(os.environ, environment, clear=True),
        patch.object(sys, "argv", ["program", *options]),
        patch.object(sys, "stdin", StringIO(typed)),
        redirect_stdout(StringIO()) as printed,
        redirect_stderr(StringIO()) as said,
    ):
        status = _status(main)
    return CompletedProcess(options, status, printed.getvalue(), said.getvalue())


def _status(main: Callable[[], None]) -> int:
    """As the interpreter ends."""
    try:
        main()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            return 1
        return end.code or 0
    return 0
