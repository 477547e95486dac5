"""slotrush: load tests, audits and capacity plans for a medical-appointment booking system."""

from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).parents[1]
"""The folder that holds the packages: where every process that is started here works."""
