"""The report's texts in one language (`locales/*.toml`), and numbers and dates as it writes them."""

import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from importlib.resources import files
from typing import Any, Final

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal, get_currency_symbol

LANGUAGES: Final = ("en", "pt-BR")
UNKNOWN: Final = "\u2013"
_PREFIXES: Final = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))


class Words:
    """One language. `words("audit.title", count="3")` looks a text up and fills its placeholders in.

    `also`: a package whose `locales` have more texts. Every formatting method writes `UNKNOWN` for None.
    """

    def __init__(self, language: str, also: str | None = None) -> None:
        self.language = language
        self._locale = Locale.parse(language, sep="-")
        self._texts = flat_texts(language) | (flat_texts(language, also) if also else {})

    def __call__(self, key: str, **values: object) -> str:
        """Raises KeyError for an unknown key or a placeholder without a value."""
        return self._texts[key].format(**values)

    def find(self, key: str, otherwise: str) -> str:
        """A text that names something from the record, which may have names that no locale knows."""
        return self._texts.get(key, otherwise)

    def number(self, value: float | None, digits: int = 0) -> str:
        """With at most `digits` decimals."""
        if value is None:
            return UNKNOWN
        pattern = "#,##0" + ("." + "#" * digits if digits else "")
        return format_decimal(value, format=pattern, locale=self._locale)

    def fixed(self, value: float | None, digits: int) -> str:
        """With exactly `digits` decimals, for columns and ratios."""
        if value is None:
            return UNKNOWN
        return format_decimal(value, format="#,##0." + "0" * digits, locale=self._locale)

    def percent(self, share: float | None, digits: int = 1) -> str:
        """Never rounds up to 100 %: 99.9996 % is not everything."""
        if share is None:
            return UNKNOWN
        if share < 1:
            share = min(share, 1 - 10.0 ** -(digits + 2))
        return f"{self.number(100 * share, digits)}\u00a0%"

    def share(self, share: float | None) -> str:
        """A percentage with one decimal, for columns."""
        return UNKNOWN if share is None else f"{self.fixed(100 * share, 1)}\u00a0%"

    def seconds(self, value_s: float | None) -> str:
        """With one decimal; below 0.1 s in ms."""
        if value_s is not None and abs(value_s) < 0.1:
            return self.milliseconds(value_s * 1000)
        return UNKNOWN if value_s is None else f"{self.fixed(value_s, 1)}\u00a0s"

    def milliseconds(self, value_ms: float | None) -> str:
        """Three significant digits or so, in ms or s."""
        if value_ms is None:
            return UNKNOWN
        if value_ms >= 999.5:
            return f"{self.fixed(value_ms / 1000, 2)}\u00a0s"
        return f"{self.number(value_ms) if value_ms >= 99.95 else self.fixed(value_ms, 1)}\u00a0ms"

    def microseconds(self, value_us: float | None, digits: int = 0) -> str:
        """With exactly `digits` decimals."""
        if value_us is None:
            return UNKNOWN
        return f"{self.fixed(value_us, digits) if digits else self.number(value_us)}\u00a0µs"

    def size(self, value_bytes: float | None) -> str:
        if value_bytes is None:
            return UNKNOWN
        for unit, factor in _PREFIXES:
            if abs(value_bytes) >= factor:
                return f"{self.number(value_bytes / factor, 1)}\u00a0{unit}"
        return f"{self.number(value_bytes)}\u00a0B"

    def money(self, amount: float | None, currency: str) -> str:
        """An amount without its hundredths; `currency` by its ISO 4217 code, such as BRL."""
        if amount is None:
            return UNKNOWN
        pattern = self._locale.currency_formats["standard"].pattern.replace(".00", "")
        return format_currency(amount, currency, format=pattern, locale=self._locale, currency_digits=False)

    def currency(self, code: str) -> str:
        """The sign of a currency: R$ for BRL."""
        return get_currency_symbol(code, locale=self._locale)

    def day(self, iso: str | None) -> str:
        """An ISO 8601 day, or the day of such a time."""
        return UNKNOWN if iso is None else format_date(date.fromisoformat(iso[:10]), "long", locale=self._locale)

    def moment(self, iso: str | None) -> str:
        """An ISO 8601 time, in its own time zone; as it is when it is none."""
        if iso is None:
            return UNKNOWN
        try:
            at = datetime.fromisoformat(iso)
        except ValueError:
            return iso
        return format_datetime(at, format="long", locale=self._locale)


def flat_texts(language: str, package: str = "slotrush.report") -> dict[str, str]:
    """Every text that a package has in a language, under its dotted key."""
    source = files(package).joinpath("locales", f"{language}.toml").read_text(encoding="utf-8")
    return _flatten(tomllib.loads(source))


def _flatten(table: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
