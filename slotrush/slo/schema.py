"""The schema of a document, and what its errors mean to the person who wrote the file."""

import json
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib.resources import files
from math import isfinite
from typing import Any, Final, NamedTuple

import jsonschema
from jsonschema import ValidationError

from slotrush.slo.document import KeyPath

SCHEMA: Final[Mapping[str, Any]] = json.loads(files(__package__).joinpath("schema.json").read_text(encoding="utf-8"))
VERSIONS: Final = {
    "SLO": "openslo/v1",
    "EndpointClass": "slotrush/v1",
    "Condition": "slotrush/v1",
    "Limit": "slotrush/v1",
    "Scenario": "slotrush/v1",
}
"""The kinds of documents, and the apiVersion of each."""


def _is_finite_number(_: object, value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


_Validator: Final = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("number", _is_finite_number),
)
"""YAML has .nan and .inf, which JSON, and so the schema, does not know."""


class Complaint(NamedTuple):
    """The path of the key that is wrong, the problem with it, and the mend."""

    keys: KeyPath
    problem: str
    mend: str


def complaints(content: Mapping[str, Any]) -> Iterator[Complaint]:
    """Everything that the schema has against a document; the kind comes first, since it says which schema."""
    for key, known in (("kind", set(VERSIONS)), ("apiVersion", set(VERSIONS.values()))):
        if content.get(key) not in known:
            problem = f"{key} {content[key]} is not supported" if key in content else f"the key {key} is missing"
            yield Complaint((key,), problem, f"Use one of: {', '.join(sorted(known))}")
            return
    kind, version = content["kind"], content["apiVersion"]
    if version != VERSIONS[kind]:
        yield Complaint(("apiVersion",), f"apiVersion {version} has no kind {kind}", f"Use {VERSIONS[kind]}")
        return
    validator = _Validator({"$ref": f"#/$defs/{kind}", "$defs": SCHEMA["$defs"]})
    yield from (_complaint(error) for error in validator.iter_errors(content))


def _complaint(error: ValidationError) -> Complaint:
    """The mend comes from the `description` of the schema's part that was not met."""
    keys: KeyPath = tuple(error.absolute_path)
    name = _dotted(keys)
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        wanted = _description(error.schema["properties"][missing])
        return Complaint(keys, f"the key {_dotted((*keys, missing))} is missing", f"Add it: {wanted}")
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        unknown = next(str(key) for key in error.instance if key not in known)
        problem = f"the key {_dotted((*keys, unknown))} is not supported"
        return Complaint((*keys, unknown), problem, suggestion(unknown, known))
    value = "of that shape" if isinstance(error.instance, dict | list) else repr(error.instance)
    if error.validator == "enum":
        return Complaint(keys, f"{name} {value} is not known", suggestion(str(error.instance), error.validator_value))
    return Complaint(keys, f"{name} {value} cannot be used", f"It must be {_description(error.schema)}")


def suggestion(written: str, known: list[str]) -> str:
    """The known word that was probably meant, or all of them."""
    near = get_close_matches(written, known, n=1)
    return f"Did you mean {near[0]}?" if near else f"Use one of: {', '.join(known)}"


def _description(part: Mapping[str, Any]) -> str:
    if "$ref" in part:
        return _description(SCHEMA["$defs"][part["$ref"].rpartition("/")[2]])
    return str(part.get("description") or part.get("const") or "what docs/gates.md says")


def _dotted(keys: KeyPath) -> str:
    return ".".join(map(str, keys)) or "the document"
