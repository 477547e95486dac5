"""The one family of errors that slotrush raises on purpose. Only `slotrush.cli` turns them into exit codes."""

from typing import Final, Self

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_BAD_INPUT: Final = 2
EXIT_UNDECIDED: Final = 3
EXIT_INVALID_RUN: Final = 4
EXIT_INTERRUPTED: Final = 130


class SlotrushError(Exception):
    """Something went wrong that the user should read about in one message."""

    exit_code: int = EXIT_FAILED


class BadInputError(SlotrushError):
    """The user's input cannot be used. Names the thing, its value and the mend."""

    exit_code = EXIT_BAD_INPUT

    def __init__(self, thing: str, problem: str, mend: str) -> None:
        super().__init__(f"{thing}: {problem}. {mend}")
        self.thing, self.problem, self.mend = thing, problem, mend

    @classmethod
    def parse(cls, message: str) -> Self:
        """The error whose message another process printed."""
        thing, _, rest = message.partition(": ")
        problem, _, mend = rest.rpartition(". ")
        return cls(thing, problem, mend)


class StackError(SlotrushError):
    """A part of the stack did not start, or died while it was needed."""


class InvalidRunError(SlotrushError):
    """The run cannot be judged, for instance because the generator was the bottleneck."""

    exit_code = EXIT_INVALID_RUN
