"""A recorder whose notes the tests read."""

from slotrush.swarm import Attempt, Recorder


class Notebook(Recorder):
    def __init__(self) -> None:
        super().__init__("w", None)
        self.attempts: list[Attempt] = []

    def wrote(self, attempt: Attempt) -> None:
        self.attempts.append(attempt)
        super().wrote(attempt)

    def verdicts(self) -> tuple[int, int, int]:
        """(good, refused, bad) since the last look."""
        cells = self.take_cells()
        bad, refused = sum(cell.bad for cell in cells), sum(cell.refused for cell in cells)
        return sum(cell.count for cell in cells) - bad - refused, refused, bad

    def endpoints(self) -> list[str]:
        """Of the requests since the last look, each once, in order of their names."""
        return sorted({cell.endpoint for cell in self.take_cells()})
