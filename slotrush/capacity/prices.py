"""The price file: TOML with an exchange rate and offers, each dated and sourced; `prices.toml` is an example."""

import math
import tomllib
from collections import Counter
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

from slotrush.capacity.cost import Exchange, NodeOffer, Offer, PodOffer, PodSize, Prices
from slotrush.errors import BadInputError

EXAMPLE_PRICES: Final = Path(__file__).with_name("prices.toml")
CURRENCIES: Final = ("USD", "BRL")


def read_prices(path: Path = EXAMPLE_PRICES) -> Prices:
    """Read a price file.

    Raises BadInputError for a file that is missing or not TOML, for prices that are missing, unknown or not numbers,
    for a file without offers and for two offers of one name. Each message names the entry.
    """
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except OSError as problem:
        raise BadInputError(
            str(path), f"it cannot be read: {problem.strerror}", "Name an existing price file"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise BadInputError(str(path), f"it is not TOML: {problem}", "Mend the file") from None
    whole = _Entry(path, "the file", data)
    exchange_entry = _Entry(path, "[exchange]", whole.table("exchange"))
    exchange = Exchange(
        exchange_entry.number("brl_per_usd", above=0), exchange_entry.day("read_on"), exchange_entry.text("source")
    )
    exchange_entry.end()
    offers = [_read_offer(path, index, entry) for index, entry in enumerate(whole.tables("offer"), start=1)]
    whole.end()
    for name, count in Counter(offer.name for offer in offers).items():
        if count > 1:
            raise BadInputError(str(path), f"{count} offers are named {name!r}", "Give each a name of its own")
    return Prices(path, exchange, {offer.name: offer for offer in offers})


def _read_offer(path: Path, index: int, table: Mapping[str, Any]) -> Offer:
    entry = _Entry(path, f"offer {table.get('name', index)}", table)
    kind, currency = entry.text("kind"), entry.text("currency")
    if currency not in CURRENCIES:
        raise entry.problem(f"currency {currency!r} is unknown", f"Use {' or '.join(CURRENCIES)}")
    common = (
        entry.text("name"),
        entry.text("title"),
        currency,
        entry.number("fixed_hour"),
        entry.day("read_on"),
        entry.text("source"),
    )
    offer: Offer
    if kind == "pod":
        prices = entry.number("vcpu_hour", above=0), entry.number("gib_hour", above=0)
        sizes = tuple(_read_size(path, entry.name, size) for size in entry.tables("sizes"))
        offer = PodOffer(*common, *prices, entry.whole("overhead_memory_mib", least=0), sizes)
    elif kind == "node":
        limits = ("allocatable_cpu_m", "allocatable_memory_mib", "pods_max", "nodes_min")
        price = entry.number("node_hour", above=0)
        offer = NodeOffer(*common, price, *(entry.whole(limit) for limit in limits))
    else:
        raise entry.problem(f"kind {kind!r} is unknown", 'Use "pod" or "node"')
    entry.end()
    return offer


def _read_size(path: Path, offer: str, table: Mapping[str, Any]) -> PodSize:
    entry = _Entry(path, f"a size of {offer}", table)
    keys = ("cpu_m", "memory_mib_min", "memory_mib_max", "memory_mib_step")
    size = PodSize(*(entry.whole(key) for key in keys))
    entry.end()
    return size


class _Entry:
    """One table of the file: takes keys out of it, and complains by name of what is missing, wrong or left over."""

    def __init__(self, path: Path, name: str, table: Mapping[str, Any]) -> None:
        self.path, self.name, self._left = path, name, dict(table)

    def problem(self, problem: str, mend: str) -> BadInputError:
        return BadInputError(str(self.path), f"{self.name}: {problem}", mend)

    def _take(self, key: str) -> Any:
        if key not in self._left:
            raise self.problem(f"{key} is missing", f"Add it; {EXAMPLE_PRICES.name} in the package is an example")
        return self._left.pop(key)

    def number(self, key: str, above: float = -math.ulp(0.0)) -> float:
        value = self._take(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not above < value < math.inf:
            raise self.problem(f"{key} = {value!r} is no price or amount", f"Give a number above {max(above, 0):g}")
        return float(value)

    def whole(self, key: str, least: int = 1) -> int:
        value = self.number(key)
        if not value.is_integer() or value < least:
            raise self.problem(f"{key} = {value:g} cannot be", f"Give a whole number, {least} or more")
        return int(value)

    def text(self, key: str) -> str:
        value = self._take(key)
        if not isinstance(value, str) or not value:
            raise self.problem(f"{key} = {value!r} is no text", "Put it in quotes")
        return value

    def day(self, key: str) -> date:
        value = self._take(key)
        if type(value) is not date:
            raise self.problem(f"{key} = {value!r} is no day", "Write it as 2026-11-21, without quotes")
        return value

    def table(self, key: str) -> Mapping[str, Any]:
        value = self._take(key)
        if not isinstance(value, dict):
            raise self.problem(f"{key} is no table", f"Write it as [{key}]")
        return value

    def tables(self, key: str) -> list[Mapping[str, Any]]:
        value = self._take(key)
        if not (isinstance(value, list) and value and all(isinstance(one, dict) for one in value)):
            raise self.problem(f"{key} is no list of tables", f"Write each as [[{key}]]")
        return value

    def end(self) -> None:
        if self._left:
            raise self.problem(f"unknown: {', '.join(sorted(self._left))}", "Correct the names or remove them")
