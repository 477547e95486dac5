"""What a race can be asked for."""

from slotrush.errors import BadInputError


def require_positive(**sizes: float) -> None:
    """Raise BadInputError for the first size, named as its option is, that is not above zero."""
    for name, size in sizes.items():
        if size <= 0:
            raise BadInputError(f"--{name.replace('_', '-')} {size}", "it must be positive", "Give a larger number")


def require_not_negative(**sizes: float) -> None:
    """Raise BadInputError for the first size, named as its option is, that is below zero."""
    for name, size in sizes.items():
        if size < 0:
            raise BadInputError(f"--{name.replace('_', '-')} {size}", "it must not be negative", "Give 0 or more")
