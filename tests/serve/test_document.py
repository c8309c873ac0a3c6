"""The OpenAPI document: schemathesis asks what it allows and what it does not, and checks every answer against it."""

from __future__ import annotations

import httpx
import pytest
import schemathesis
from hypothesis import Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from serving import Quick, served

from smartedit.serve.limits import Limits

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def schema():
    with served(Quick(Limits(body=2**20, pixels=10**6))) as address:
        yield schemathesis.openapi.from_url(f"{address}/openapi.json")


@pytest.mark.parametrize("name", [
    "POST /v1/images/edits", "GET /v1/models", "GET /v1/models/{name}", "GET /healthz", "GET /readyz", "GET /metrics"])  # fmt: skip
def test_answers_are_as_the_document_says(schema, name):
    method, path = name.split()

    @settings(max_examples=15, phases=[Phase.explicit, Phase.generate])
    @given(schema[path][method].as_strategy() | schema[path][method].as_strategy(generation_mode=GenerationMode.NEGATIVE))
    def check(case):
        case.call_and_validate(checks=CHECKS)

    check()


def test_the_document_names_our_fields(schema):
    document = httpx.get(schema.location).json()
    body = document["paths"]["/v1/images/edits"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    fields = document["components"]["schemas"][body["$ref"].rsplit("/", 1)[1]]["properties"]
    assert {"image", "image[]", "prompt", "mask", "n", "size", "stream", "partial_images", "seed", "guidance_scale"} <= set(fields)
    assert {"/v1/models", "/healthz", "/readyz", "/metrics"} <= set(document["paths"])
    assert "422" not in document["paths"]["/v1/images/edits"]["post"]["responses"]
