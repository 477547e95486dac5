"""The document that clients are written from."""

from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate

PROBLEM = {"$ref": "#/components/schemas/Problem"}


@pytest.fixture
def document(api: httpx.Client) -> dict[str, Any]:
    document: dict[str, Any] = api.get("/openapi.json").json()
    return document


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_it_is_valid_openapi(document: dict[str, Any]) -> None:
    validate(document)


def test_every_operation_has_a_summary_and_its_problems(document: dict[str, Any]) -> None:
    for name, operation in operations(document).items():
        assert operation["summary"], name
        for status in ("4XX", "503"):
            ((media_type, content),) = operation["responses"][status]["content"].items()
            assert (media_type, content["schema"]) == ("application/problem+json", PROBLEM), name
            assert Draft202012Validator(document["components"]["schemas"]["Problem"]).is_valid(content["example"]), name


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"type": "slot-taken", "title": "Taken", "status": 409},
        {"type": "/problems/slot-taken", "status": 409},
        {"type": "/problems/slot-taken", "title": "Taken", "status": "409"},
        {"type": "/problems/invalid-request", "title": "Wrong", "status": 422, "errors": [{"loc": ["body"]}]},
    ],
)
def test_what_is_no_problem_does_not_pass_for_one(document: dict[str, Any], wrong: dict[str, Any]) -> None:
    assert not Draft202012Validator(document["components"]["schemas"]["Problem"]).is_valid(wrong)


def test_every_write_that_is_not_idempotent_by_nature_documents_its_key(document: dict[str, Any]) -> None:
    without = {
        name
        for name, operation in operations(document).items()
        if name.startswith("POST")
        and "idempotency-key" not in {each["name"].lower() for each in operation.get("parameters", ())}
    }
    assert without == {
        "POST /v1/sessions",  # a new session each time is what is asked for
        "POST /v1/sessions/refresh",  # a token is good for one refresh
        "POST /v1/sessions/logout",
    }


def test_every_operation_for_those_who_are_signed_in_documents_the_token(document: dict[str, Any]) -> None:
    without = {name for name, operation in operations(document).items() if not operation.get("security")}
    assert without == {
        "POST /v1/sessions",
        "POST /v1/sessions/refresh",
        "POST /v1/sessions/logout",
        "POST /v1/patients",
        "POST /v1/doctors",
        "GET /.well-known/jwks.json",
    }


def test_every_field_shows_what_it_looks_like(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        for field, content in schema.get("properties", {}).items():
            assert _speaks_for_itself(content) or content.get("examples"), f"{name}.{field}"


def _speaks_for_itself(content: dict[str, Any]) -> bool:
    return (
        content.get("type") in ("boolean", "array", "null")
        or content.get("format") in ("uuid", "date-time", "date")
        or not {"$ref", "enum", "const", "default"}.isdisjoint(content)
        or any(_speaks_for_itself(each) for each in content.get("anyOf", ()))
    )


def test_the_examples_of_hot_bodies_are_what_their_schemas_demand(document: dict[str, Any]) -> None:
    for path in ("/v1/appointments", "/v1/slots"):
        body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        assert "$ref" not in str(body["schema"])
        validator = Draft202012Validator(body["schema"], format_checker=FormatChecker())
        assert validator.is_valid(body["example"])
        assert not validator.is_valid({})
