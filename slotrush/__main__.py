"""`python -m slotrush` is `slotrush`."""

from slotrush.cli import main

main()
