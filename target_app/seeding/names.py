"""What people and places are called, from names.toml."""

import tomllib
import unicodedata
from importlib.resources import files
from itertools import accumulate, product
from random import Random
from typing import Any, Final, Literal, NamedTuple

Gender = Literal["female", "male"]
_DATA: Final[dict[str, Any]] = tomllib.loads(files(__package__).joinpath("names.toml").read_text())
SPECIALTIES: Final[dict[str, tuple[int, int]]] = {name: (low, high) for name, (low, high) in _DATA["prices"].items()}
"""Each with the lowest and the highest price of a consultation, BRL."""
STATE_WEIGHTS: Final[dict[str, float]] = _DATA["states"]
_FLATNESS: Final = 8
"""The larger, the less the commonest names stand out."""
_TWO_GIVEN_NAMES: Final = 0.2
_THREE_LAST_NAMES: Final = 0.25


class Name(NamedTuple):
    given: str
    last: str

    def __str__(self) -> str:
        return f"{self.given} {self.last}"


class _Weighted:
    """Names in order of how common they are."""

    def __init__(self, words: str) -> None:
        self.names = [word.replace("_", " ") for word in words.split()]
        self._weights = list(accumulate(1 / (rank + _FLATNESS) for rank in range(len(self.names))))

    def draw(self, random: Random, count: int) -> str:
        """So many different ones; 'da Silva' and 'Silva' are not different."""
        while True:
            drawn = random.choices(self.names, cum_weights=self._weights, k=count)
            if len({name.rpartition(" ")[2] for name in drawn}) == count:
                return " ".join(drawn)


_GIVEN: Final[dict[Gender, _Weighted]] = {"female": _Weighted(_DATA["female"]), "male": _Weighted(_DATA["male"])}
_LAST: Final = _Weighted(_DATA["last"])


def person(random: Random, gender: Gender) -> Name:
    given = _GIVEN[gender].draw(random, 2 if random.random() < _TWO_GIVEN_NAMES else 1)
    return Name(given, _LAST.draw(random, 3 if random.random() < _THREE_LAST_NAMES else 2))


def gender(random: Random) -> Gender:
    return "female" if random.random() < 0.52 else "male"


def address(name: Name, number: int, domain: str) -> str:
    """An e-mail address in ASCII; no two numbers of one domain share one."""
    return f"{_ascii(name.given.split()[0])}.{_ascii(name.last.split()[-1])}{number}@{domain}"


def clinics(random: Random, count: int) -> list[str]:
    """So many different names of clinics."""
    kinds, places = (_Weighted(_DATA[kind]).names for kind in ("clinics", "places"))
    names = [f"{kind} {place}" for kind, place in product(kinds, places)]
    random.shuffle(names)
    return [
        name if unit == 1 else f"{name}, Unidade {unit}"
        for number in range(count)
        for name, unit in [(names[number % len(names)], number // len(names) + 1)]
    ]


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
