"""The OpenAPI description of a model server, made from the model's signature, and a page that shows it without loading
anything from elsewhere."""

import html
import json
from typing import Any, Optional

from .replica import Settings
from .signature import Signature

JSON_TYPES = {"float": "number", "int": "integer", "boolean": "boolean", "string": "string"}


def document(settings: Settings, signature: Optional[Signature], prefix: str) -> dict:
    """The OpenAPI 3.1 document.

    prefix: what a client puts in front of the paths, such as `/endpoints/digits`."""
    instance = instance_schema(signature)
    prediction = operation(
        "Predict a batch of instances",
        {
            "type": "object",
            "required": ["instances"],
            "properties": {"instances": {"type": "array", "items": instance}},
        },
        {"type": "object", "properties": {"predictions": {"type": "array"}}},
    )
    inference = operation("Infer by the Open Inference Protocol v2", REQUEST_V2, ANSWER_V2)
    name = settings.name
    return {
        "openapi": "3.1.0",
        "info": {"title": name, "version": settings.version or "0"},
        "servers": [{"url": prefix or "/"}],
        "paths": {
            "/predict": {"post": prediction},
            f"/v1/models/{name}:predict": {"post": prediction},
            f"/v1/models/{name}": {"get": reading("Whether the model is ready (v1)")},
            f"/v2/models/{name}/infer": {"post": inference},
            f"/v2/models/{name}": {"get": reading("The model: signature, digests, receipt")},
            f"/v2/models/{name}/ready": {"get": reading("Whether the model is ready (v2)")},
            "/v2/health/live": {"get": reading("Whether the server lives")},
            "/v2/health/ready": {"get": reading("Whether the server takes requests")},
        },
        "components": {"schemas": {"Problem": PROBLEM}},
    }


def instance_schema(signature: Optional[Signature]) -> dict:
    """The JSON schema of one instance."""
    if signature is None:
        return {}
    schemas = {name: value_schema(spec, spec["shape"][1:]) for name, spec in signature.inputs.items()}
    if signature.is_plain:
        return next(iter(schemas.values()))
    required = [name for name, spec in signature.inputs.items() if not spec.get("optional")]
    return {"type": "object", "properties": schemas, "required": required, "additionalProperties": False}


def value_schema(spec: dict, shape: list) -> dict:
    if shape:
        size = {} if shape[0] < 0 else {"minItems": shape[0], "maxItems": shape[0]}
        return {"type": "array", "items": value_schema(spec, shape[1:]), **size}
    limits = {key: spec[key] for key in ("minimum", "maximum") if key in spec}
    values = {"enum": spec["values"]} if "values" in spec else {}
    return {"type": JSON_TYPES[spec["type"]], **limits, **values}


def operation(summary: str, request: dict, answer: dict) -> dict:
    return {
        "summary": summary,
        "requestBody": {"required": True, "content": {"application/json": {"schema": request}}},
        "responses": {
            "200": {"description": "The predictions", "content": {"application/json": {"schema": answer}}},
            "400": refusal("The body is not JSON"),
            "422": refusal("The request does not fit the model"),
            "500": refusal("The model failed; the log has the request's id"),
        },
    }


def reading(summary: str) -> dict:
    return {"summary": summary, "responses": {"200": {"description": summary, "content": {"application/json": {}}}}}


def refusal(description: str) -> dict:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


TENSORS = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["name", "shape", "datatype", "data"],
        "properties": {
            "name": {"type": "string"},
            "shape": {"type": "array", "items": {"type": "integer"}},
            "datatype": {"type": "string"},
            "data": {"type": "array"},
        },
    },
}
REQUEST_V2 = {
    "type": "object",
    "required": ["inputs"],
    "properties": {"id": {"type": "string"}, "inputs": TENSORS, "outputs": {"type": "array"}},
}
ANSWER_V2 = {
    "type": "object",
    "properties": {"model_name": {"type": "string"}, "model_version": {"type": "string"}, "outputs": TENSORS},
}
PROBLEM = {
    "type": "object",
    "required": ["code", "message"],
    "properties": {
        "code": {"type": "string"},
        "message": {"type": "string"},
        "requestId": {"type": "string"},
        "problems": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"where": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}


def page(settings: Settings, signature: Optional[Signature]) -> str:
    """The document as a page for people."""
    described: Any = document(settings, signature, "")
    rows = []
    for path, operations in described["paths"].items():
        for method, one in operations.items():
            body = one.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            shown = "" if body is None else f"<pre>{html.escape(json.dumps(body, indent=1))}</pre>"
            summary = html.escape(one["summary"])
            heading = f"<b>{method.upper()}</b> <code>{html.escape(path)}</code> {summary}"
            rows.append(f"<details><summary>{heading}</summary>{shown}</details>")
    title = html.escape(f"{settings.name} {settings.version}")
    return PAGE.format(title=title, rows="\n".join(rows))


PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<style>body {{ font: 1rem system-ui; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }} summary {{ padding: .4rem }}
pre {{ overflow: auto; max-height: 24rem }}</style>
<h1>{title}</h1>
<p>The same as an OpenAPI document: <a href="openapi.json">openapi.json</a></p>
{rows}
</html>
"""
