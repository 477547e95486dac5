"""The document that clients are written from."""

from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate


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


def test_it_lists_every_operation_with_a_summary_and_its_problems(document: dict[str, Any]) -> None:
    assert set(operations(document)) == {
        "POST /v1/sessions",
        "GET /.well-known/jwks.json",
        "GET /v1/doctors",
        "GET /v1/doctors/{doctor_id}/agenda",
        "POST /v1/slots",
        "POST /v1/appointments",
        "GET /v1/appointments",
        "POST /v1/appointments/{appointment_id}/cancel",
    }
    for name, operation in operations(document).items():
        assert operation["summary"], name
        assert "application/problem+json" in operation["responses"]["4XX"]["content"], name


def test_every_write_but_signing_in_documents_its_key_and_its_token(document: dict[str, Any]) -> None:
    for name, operation in operations(document).items():
        if name.startswith("POST") and name != "POST /v1/sessions":
            assert "Idempotency-Key".lower() in {each["name"].lower() for each in operation["parameters"]}, name
            assert operation["security"] == [{"HTTPBearer": []}], name


def test_every_field_has_an_example(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for name in ("Appointment", "Slot", "Doctor", "Cancellation", "Credentials"):
        properties = schemas[name]["properties"]
        shown = [key for key, value in properties.items() if "examples" in value or value.get("format") == "uuid"]
        assert set(shown) == set(properties), name


def test_the_examples_of_hot_bodies_are_what_their_schemas_demand(document: dict[str, Any]) -> None:
    for path in ("/v1/appointments", "/v1/slots"):
        body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        assert "$ref" not in str(body["schema"])
        validator = Draft202012Validator(body["schema"], format_checker=FormatChecker())
        assert validator.is_valid(body["example"])
        assert not validator.is_valid({})
