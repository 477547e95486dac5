"""What must run for a race, in which order, and how nothing of it is left behind."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slotrush.stack.options import StackOptions, StackUrls
    from slotrush.stack.stack import Stack

__all__ = ["Stack", "StackOptions", "StackUrls"]


def __getattr__(name: str) -> Any:
    # On demand, because the janitor and the mailbox live in this package too and must stay small.
    if name in __all__:
        from slotrush.stack import options, stack  # noqa: PLC0415

        return getattr(stack if name == "Stack" else options, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
