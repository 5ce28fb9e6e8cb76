"""The HTTP face of a model that Slipway serves itself, the same under every framework: `/predict`, the prediction
protocol v1 (`/v1/models/NAME:predict`) and the Open Inference Protocol v2 (`/v2/models/NAME/infer`), checked by the
model's signature. Protocols: kserve.github.io/website, "Open Inference Protocol" and "V1 Protocol"."""

import json
import math
import threading
from dataclasses import dataclass
from typing import Any, Optional

from .loaders import Model
from .openapi import document, page
from .replica import Settings, failure, log
from .signature import Signature, leaves, shape_of

JSON = "application/json"
NUMBERS = {"FP64", "FP32", "FP16", "BF16", "INT64", "INT32", "INT16", "INT8", "UINT64", "UINT32", "UINT16", "UINT8"}
DATATYPES = {*NUMBERS, "BOOL", "BYTES"}


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    content_type: str = JSON
    allow: Optional[str] = None
    """The methods of the path, where another one was used."""


class Refused(Exception):
    """A request that cannot be answered: the client's doing."""

    def __init__(self, status: int, code: str, message: str, problems: Optional[list] = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.problems = problems


class InferenceServer:
    """Answers requests with a model. Models need not be thread-safe: predictions are made one after the other."""

    def __init__(self, settings: Settings, model: Model, signature: Optional[Signature]) -> None:
        self.settings = settings
        self.model = model
        self.signature = signature
        self._turn = threading.Lock()
        name = f"/models/{settings.name}"
        version = f"/versions/{settings.version}"
        self._posts: dict = {
            "/predict": self.predict,
            f"/v1{name}:predict": self.predict,
            f"/v2{name}/infer": self.infer,
            f"/v2{name}{version}/infer": self.infer,
        }
        self._gets: dict = {f"/v1{name}": {"name": settings.name, "ready": True}}
        for prefix in (f"/v2{name}", f"/v2{name}{version}"):
            self._gets[f"{prefix}/ready"] = {"name": settings.name, "ready": True}

    def answer(self, method: str, path: str, body: bytes, request_id: str, prefix: str = "") -> Answer:
        """Answers a request whatever happens.

        prefix: what a client puts in front of the paths here."""
        try:
            return self._route(method, path, body, prefix)
        except Refused as refused:
            extra = {} if refused.problems is None else {"problems": refused.problems}
            return failed(refused.status, path, failure(refused.code, str(refused), request_id), **extra)
        except Exception:
            log.exception("request %s failed", request_id)
            message = "The model server failed on this request; its log has the details."
            return failed(500, path, failure("model.failed", message, request_id))

    def _route(self, method: str, path: str, body: bytes, prefix: str) -> Answer:
        if path in self._posts:
            if method != "POST":
                return wrong_method("POST")
            return answered(self._posts[path](read_json(body)))
        is_page = path == "/docs"
        if is_page or path == "/openapi.json" or path in self._gets:
            if method not in ("GET", "HEAD"):
                return wrong_method("GET, HEAD")
            if is_page:
                return Answer(200, page(self.settings, self.signature).encode(), "text/html; charset=utf-8")
            if path == "/openapi.json":
                return answered(document(self.settings, self.signature, prefix))
            return answered(self._gets[path])
        if path.startswith(("/v1/models/", "/v2/models/")):
            raise Refused(404, "model.unknown", f"This server has the model {self.settings.name} only.")
        raise Refused(404, "model.noSuchPath", f"There is nothing at {path}; /docs tells what there is.")

    def predict(self, body: Any) -> dict:
        """`{"instances": [...]}` → `{"predictions": [...]}`."""
        instances = body.get("instances") if isinstance(body, dict) else None
        if not isinstance(instances, list):
            raise Refused(422, "model.badRequest", 'The body is not {"instances": [...]}.')
        return {"predictions": self._predictions(instances)}

    def infer(self, body: Any) -> dict:
        """An inference request of the Open Inference Protocol v2, with the tensors' data as JSON."""
        tensors = read_tensors(body)
        wanted = [one.get("name") for one in body.get("outputs", []) if isinstance(one, dict)]
        if self.signature is not None and self.signature.is_plain and len(tensors) == 1:
            ((name, rows),) = tensors.items()
            if name not in self.signature.inputs:
                names = ", ".join(self.signature.inputs)
                raise Refused(422, "model.badRequest", f"The model has no input {name}; it has {names}.")
            instances = fitting(rows, next(iter(self.signature.inputs.values()))["shape"])
        elif len(tensors) == 1 and self.signature is None:
            (instances,) = tensors.values()
        else:
            instances = self._joined(tensors)
        outputs = to_tensors(self._predictions(instances), self._output_name())
        unknown = [name for name in wanted if name not in [one["name"] for one in outputs]]
        if unknown:
            names = ", ".join(one["name"] for one in outputs)
            raise Refused(422, "model.badRequest", f"The model has no output {unknown[0]}; it has {names}.")
        return {
            "model_name": self.settings.name,
            "model_version": self.settings.version,
            **({"id": body["id"]} if isinstance(body.get("id"), str) else {}),
            "outputs": [one for one in outputs if not wanted or one["name"] in wanted],
        }

    def _joined(self, tensors: dict) -> list:
        """Instances with a value from each tensor."""
        columns = {}
        for name, rows in tensors.items():
            spec = None if self.signature is None else self.signature.inputs.get(name)
            columns[name] = fitting(rows, [-1] if spec is None else spec["shape"])
        if len({len(rows) for rows in columns.values()}) > 1:
            raise Refused(422, "model.badRequest", "The tensors differ in their first dimension, the batch.")
        return [dict(zip(columns, values)) for values in zip(*columns.values())]

    def _output_name(self) -> str:
        outputs = {} if self.signature is None else self.signature.content.get("outputs") or {}
        return next(iter(outputs), "predictions")

    def _predictions(self, instances: list) -> list:
        if self.signature is not None:
            problems = self.signature.problems(instances)
            if problems:
                first = problems[0]
                message = f"The request does not fit the model: {first['where']} {first['message']}."
                raise Refused(422, "model.badRequest", message, problems)
            instances = self.signature.plain(instances)
        if not instances:
            return []
        with self._turn:
            predictions = self.model.predict(instances)
        if len(predictions) != len(instances):
            raise ValueError(f"the model made {len(predictions)} predictions of {len(instances)} instances")
        return [presentable(prediction) for prediction in predictions]


def answered(body: Any) -> Answer:
    return Answer(200, json.dumps(body, allow_nan=False).encode())


def failed(status: int, path: str, body: dict, **extra: Any) -> Answer:
    # Clients of the protocols look for `error`.
    error = {"error": body["message"]} if path.startswith(("/v1/", "/v2/")) else {}
    return Answer(status, json.dumps({**body, **error, **extra}).encode())


def wrong_method(allowed: str) -> Answer:
    body = {"code": "model.wrongMethod", "message": f"This path takes {allowed}."}
    return Answer(405, json.dumps(body).encode(), allow=allowed)


def read_json(body: bytes) -> Any:
    def refuse(name: str) -> None:
        raise ValueError(f"{name} is no number in JSON")

    try:
        return json.loads(body, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise Refused(400, "model.badJson", f"The body is not JSON: {error}.") from error


def read_tensors(body: Any) -> dict:
    """The rows of each tensor in an inference request, by name."""
    inputs = body.get("inputs") if isinstance(body, dict) else None
    if not isinstance(inputs, list) or not inputs:
        raise Refused(422, "model.badRequest", 'The body has no "inputs": a list of tensors.')
    tensors: dict = {}
    for position, tensor in enumerate(inputs):
        where = f"inputs[{position}]"
        if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
            raise Refused(422, "model.badRequest", f"{where} has no name.")
        if tensor["name"] in tensors:
            raise Refused(422, "model.badRequest", f"{where} has the name of another input: {tensor['name']}.")
        tensors[tensor["name"]] = read_tensor(where, tensor)
    return tensors


def read_tensor(where: str, tensor: dict) -> list:
    shape, datatype, data = tensor.get("shape"), tensor.get("datatype"), tensor.get("data")
    if datatype not in DATATYPES:
        raise Refused(422, "model.badRequest", f"{where}.datatype is none of {', '.join(sorted(DATATYPES))}.")
    if not isinstance(shape, list) or not shape or not all(type(size) is int and size >= 0 for size in shape):
        raise Refused(422, "model.badRequest", f"{where}.shape is not a list of sizes.")
    if not isinstance(data, list):
        raise Refused(422, "model.badRequest", f"{where}.data is not a list; binary data is not taken.")
    values = list(leaves(data))
    if len(values) != math.prod(shape):
        message = f"{where}.data has {len(values)} values; the shape {shape} needs {math.prod(shape)}."
        raise Refused(422, "model.badRequest", message)
    for value in values:
        if not is_of(datatype, value):
            raise Refused(422, "model.badRequest", f"{where}.data holds values that are not {datatype}.")
    return nested(values, shape)


def is_of(datatype: str, value: Any) -> bool:
    if datatype == "BOOL":
        return isinstance(value, bool)
    if datatype == "BYTES":
        return isinstance(value, str)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return "INT" not in datatype or float(value).is_integer()


def nested(values: list, shape: list) -> list:
    """Flat values as nested lists of a shape."""
    for size in reversed(shape[1:]):
        values = [values[at : at + size] for at in range(0, len(values), size)] if size else [[]] * shape[0]
    return values


def fitting(rows: list, shape: list) -> list:
    """Rows of a tensor as the values of an input: clients write a column of single values as [N, 1]."""
    if len(shape) == 1 and all(isinstance(row, list) and len(row) == 1 for row in rows):
        return [row[0] for row in rows]
    return rows


def to_tensors(predictions: list, name: str) -> list:
    """Predictions as tensors: one for each field where they are objects."""
    first = predictions[0] if predictions else None
    if isinstance(first, dict) and all(isinstance(one, dict) and one.keys() == first.keys() for one in predictions):
        return [to_tensor(key, [one[key] for one in predictions]) for key in first]
    return [to_tensor(name, predictions)]


def to_tensor(name: str, rows: list) -> dict:
    values = list(leaves(rows))
    shape = shape_of(rows)
    if len(values) != math.prod(shape) or any(isinstance(value, dict) or value is None for value in values):
        # Not a tensor: each row goes as its JSON.
        return {"name": name, "datatype": "BYTES", "shape": [len(rows)], "data": [json.dumps(row) for row in rows]}
    checks: list = [("BOOL", bool), ("INT64", int), ("FP64", (int, float)), ("BYTES", str)]
    for datatype, kind in checks:
        if all(isinstance(value, kind) and isinstance(value, bool) == (datatype == "BOOL") for value in values):
            return {"name": name, "datatype": datatype, "shape": shape, "data": values}
    return {"name": name, "datatype": "BYTES", "shape": shape, "data": [str(value) for value in values]}


def presentable(value: Any) -> Any:
    """A prediction as JSON holds it: what NumPy wraps is unwrapped, NaN and the infinities are named in a text."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(presentable(key)): presentable(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [presentable(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
