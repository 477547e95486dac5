"""Everything that is generated, as file names and contents, and whether what lies in a folder is still that."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from dashboards import availability, data_tier, notifications, race, rules, scaling
from dashboards.board import Board
from slotrush.slo import Objectives

GENERATED: Final = Path(__file__).parent / "generated"
RULES: Final = "rules.yaml"
BOARDS: Final[tuple[Callable[[Objectives], Board], ...]] = (
    race.board,
    availability.board,
    scaling.board,
    data_tier.board,
    notifications.board,
)


def documents(objectives: Objectives) -> dict[str, str]:
    """By file name, each dashboard as Grafana imports it, and the rules."""
    boards = (make(objectives) for make in BOARDS)
    return {f"{board.name}.json": board.document() for board in boards} | {RULES: rules.document(objectives)}


def stale(made: Mapping[str, str], folder: Path) -> list[str]:
    """The names of the files in `folder` that are not, or no longer, what was made."""
    there = {path.name for path in folder.glob("*") if path.suffix in (".json", ".yaml")}
    return sorted({name for name, text in made.items() if _text(folder / name) != text} | (there - set(made)))


def write(made: Mapping[str, str], folder: Path) -> list[str]:
    """Write what differs; the names of what was written. Nothing is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    changed = [name for name, text in made.items() if _text(folder / name) != text]
    for name in changed:
        (folder / name).write_text(made[name], encoding="utf-8")
    return changed


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None
