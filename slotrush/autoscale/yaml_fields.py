"""Reading YAML field by field, so that whatever is wrong is named with its file, line and mend."""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from typing import Final

import yaml

from slotrush.errors import BadInputError

_QUANTITY: Final = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|(n|u|m|k|M|G|T|P|E|[KMGTPE]i)?)")
_DECIMAL_POWERS: Final = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY_POWERS: Final = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}


@dataclass(frozen=True)
class Field:
    """A value in a file, with the place to name when it is wrong. All readers raise BadInputError."""

    file: str
    path: str
    node: yaml.Node

    @property
    def thing(self) -> str:
        return f"{self.file}, line {self.node.start_mark.line + 1}"

    def error(self, problem: str, mend: str) -> BadInputError:
        return BadInputError(self.thing, f"{self.path or 'the document'} {problem}", mend)

    @property
    def is_null(self) -> bool:
        return self.node.tag == "tag:yaml.org,2002:null"

    def mapping(self, known: frozenset[str] | None = None) -> "dict[str, Field]":
        """The fields in it, without those that are null. Any that is not `known` is an error, and so is one twice."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self.error("is no mapping", "Write it as `field: value` lines below its name")
        fields: dict[str, Field] = {}
        for key, value in self.node.value:
            path = f"{self.path}.{key.value}".removeprefix(".")
            field = Field(self.file, path, value)
            if known is not None and key.value not in known:
                raise Field(self.file, path, key).error("is unknown", _did_you_mean(str(key.value), known))
            if key.value in fields:
                raise Field(self.file, path, key).error("is there twice", "Keep one of them")
            fields[key.value] = field
        return {name: field for name, field in fields.items() if not field.is_null}

    def required(self, name: str, known: frozenset[str] | None = None) -> "Field":
        fields = self.mapping(known)
        if name not in fields:
            raise self.error(f"has no `{name}`", f"Add `{name}:` to it")
        return fields[name]

    def items(self) -> "list[Field]":
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.error("is no list", "Write each entry on its own line, with `- ` before it")
        return [Field(self.file, f"{self.path}[{index}]", node) for index, node in enumerate(self.node.value)]

    def text(self, one_of: frozenset[str] | None = None) -> str:
        """A text that is not empty."""
        if (
            not isinstance(self.node, yaml.ScalarNode)
            or self.node.tag != "tag:yaml.org,2002:str"
            or not self.node.value
        ):
            raise self.error("is no text", "Write a text after it, in quotation marks if it looks like a number")
        if one_of is not None and self.node.value not in one_of:
            raise self.error(f"is {self.node.value!r}", f"Write one of {', '.join(sorted(one_of))}")
        return str(self.node.value)

    def integer(self, lowest: int, highest: int) -> int:
        if not isinstance(self.node, yaml.ScalarNode) or not re.fullmatch(r"[+-]?\d+", self.node.value):
            raise self.error("is no whole number", f"Write one from {lowest} to {highest}")
        value = int(self.node.value)
        if self.node.tag != "tag:yaml.org,2002:int" or not lowest <= value <= highest:
            raise self.error(f"is {self.node.value}", f"Write a whole number from {lowest} to {highest}")
        return value

    def quantity(self) -> Decimal:
        """A Kubernetes quantity: 250m, 1.5, 2Gi, 1e3. Source: apimachinery, pkg/api/resource/quantity.go."""
        match = _QUANTITY.fullmatch(self.node.value) if isinstance(self.node, yaml.ScalarNode) else None
        if match is None:
            raise self.error("is no quantity", "Write it as 0.5, 500m, 2k or 1Gi")
        number, exponent, suffix = Decimal(match[1]), match[2], match[3] or ""
        if exponent:
            return number * Decimal(f"1{exponent}")
        return (
            number * 2 ** _BINARY_POWERS[suffix] if suffix in _BINARY_POWERS else number.scaleb(_DECIMAL_POWERS[suffix])
        )

    def thousandths(self) -> int:
        """A quantity above zero, in thousandths, rounded up as Quantity.MilliValue does."""
        value_m = int((self.quantity() * 1000).to_integral_value(ROUND_CEILING))
        if value_m <= 0:
            raise self.error("is not above zero", "Write a quantity above zero, as 0.5 or 500m")
        return value_m


def documents(path: Path) -> list[Field]:
    """The documents of a YAML file that are not empty. Raises BadInputError."""
    try:
        text = path.read_text(encoding="utf-8")
        return [Field(str(path), "", node) for node in _compose(text) if node is not None]
    except FileNotFoundError:
        raise BadInputError(f"manifest {path}", "there is no such file", "Name the manifest's file") from None
    except OSError as error:
        problem = f"it cannot be read ({error.strerror})"
        raise BadInputError(f"manifest {path}", problem, "Name a readable file") from None
    except UnicodeDecodeError:
        raise BadInputError(f"manifest {path}", "it is not UTF-8 text", "Name a YAML file") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}, line {mark.line + 1}" if mark else f"manifest {path}"
        problem = getattr(error, "problem", None) or str(error)
        raise BadInputError(place, f"it is not YAML ({problem})", "Check indentation and colons there") from None


def _compose(text: str) -> Iterator[yaml.Node | None]:
    yield from yaml.compose_all(text, Loader=yaml.SafeLoader)


def _did_you_mean(name: str, known: frozenset[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"Did you mean `{close[0]}`?" if close else f"Remove it; known here are {', '.join(sorted(known))}"
