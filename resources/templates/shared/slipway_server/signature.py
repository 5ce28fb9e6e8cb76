"""The signature of a model: what a request must hold. Read from the model's `signature.json`, else from the model file
itself where it says so (ONNX), else inferred from `reference.jsonl`.

`{"inputs": {NAME: {"type", "shape", "minimum"?, "maximum"?, "values"?, "optional"?}}, "outputs": {…}}`; the first
dimension of a shape is the batch, -1 stands for any size. With one input an instance is its value; with several it is
an object with a value for each name.
"""

import json
import math
from pathlib import Path
from typing import Any, Optional

TYPES = {"float": "FP64", "int": "INT64", "boolean": "BOOL", "string": "BYTES"}
"""Types of values, and the datatype that each has in the Open Inference Protocol."""

MAX_PROBLEMS = 10
REFERENCE_ROWS = 1000


class Signature:
    """Checks instances, and describes itself."""

    def __init__(self, content: dict, source: str) -> None:
        self.content = content
        self.source = source
        self.inputs = check_inputs(content, source)

    @property
    def is_plain(self) -> bool:
        """Whether an instance is the value of the only input."""
        return len(self.inputs) == 1

    def problems(self, instances: list) -> list:
        """What is wrong with instances, at most MAX_PROBLEMS: `{"where", "message"}`."""
        found: list = []
        for index, instance in enumerate(instances):
            self._check_instance(f"instances[{index}]", instance, found)
            if len(found) >= MAX_PROBLEMS:
                break
        return found[:MAX_PROBLEMS]

    def _check_instance(self, where: str, instance: Any, found: list) -> None:
        if self.is_plain and not isinstance(instance, dict):
            (spec,) = self.inputs.values()
            check_value(where, instance, spec, spec["shape"][1:], found)
            return
        if not isinstance(instance, dict):
            found.append(problem(where, f"must be an object with {', '.join(self.inputs)}"))
            return
        for name, spec in self.inputs.items():
            if name in instance:
                check_value(f"{where}.{name}", instance[name], spec, spec["shape"][1:], found)
            elif not spec.get("optional"):
                found.append(problem(where, f"has no {name}"))
        for name in instance:
            if name not in self.inputs:
                found.append(problem(where, f"has {name}, which the model does not know"))

    def plain(self, instances: list) -> list:
        """The instances as the model gets them: of one input the values alone."""
        if not self.is_plain:
            return instances
        (name,) = self.inputs
        return [instance[name] if isinstance(instance, dict) else instance for instance in instances]

    def tensors(self) -> list:
        """The inputs as the Open Inference Protocol describes them."""
        return [
            {"name": name, "datatype": TYPES[spec["type"]], "shape": spec["shape"]}
            for name, spec in self.inputs.items()
        ]


def read_signature(folder: Optional[Path], own: Optional[dict] = None) -> Optional[Signature]:
    """The signature of the model in a folder; None where nothing tells it.

    own: what the model file says of itself, as the content of a `signature.json`.
    Raises ValueError, naming the file and the place, when `signature.json` cannot be used."""
    if folder is None:
        return None
    file = folder / "signature.json"
    if file.exists():
        return Signature(json.loads(file.read_text("utf-8")), "signature.json")
    if own is not None:
        return Signature(own, "the model file")
    reference = folder / "reference.jsonl"
    if reference.exists():
        with open(reference, encoding="utf-8") as lines:
            rows = [json.loads(line) for _, line in zip(range(REFERENCE_ROWS), lines) if line.strip()]
        inferred = infer([row["instance"] if isinstance(row, dict) and "instance" in row else row for row in rows])
        return inferred and Signature(inferred, "reference.jsonl")
    return None


def infer(instances: list) -> Optional[dict]:
    """The content of a signature that all of these instances fit; None for none, or where they have nothing in common.
    Numbers are `float`: that a training value happened to be whole says nothing of the next one."""
    if not instances:
        return None
    if all(isinstance(instance, dict) for instance in instances):
        names = list(dict.fromkeys(name for instance in instances for name in instance))
        columns = {name: [instance.get(name) for instance in instances] for name in names}
    else:
        columns = {"instances": instances}
    inputs = {name: infer_column(values) for name, values in columns.items()}
    if None in inputs.values():
        return None
    return {"inputs": inputs}


def infer_column(values: list) -> Optional[dict]:
    present = [value for value in values if value is not None]
    shapes = {tuple(shape_of(value)) for value in present}
    if not shapes or len({len(shape) for shape in shapes}) != 1:
        return None
    shape = [sizes[0] if len(set(sizes)) == 1 else -1 for sizes in zip(*shapes)]
    kinds = {kind_of(leaf) for value in present for leaf in leaves(value)}
    if len(kinds) != 1:
        return None
    spec = {"type": kinds.pop(), "shape": [-1, *shape]}
    return spec if len(present) == len(values) else {**spec, "optional": True}


def shape_of(value: Any) -> list:
    """The size of each dimension of nested lists, by their first elements."""
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        value = value[0] if value else None
    return shape


def leaves(value: Any) -> Any:
    """The values in nested lists, in order."""
    if not isinstance(value, list):
        yield value
        return
    for inner in value:
        yield from leaves(inner)


def kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "float" if isinstance(value, (int, float)) else "string"


def check_value(where: str, value: Any, spec: dict, shape: list, found: list) -> None:
    """Adds what is wrong with one value, or with one of the nested lists of values, to `found`."""
    if len(found) >= MAX_PROBLEMS or (value is None and spec.get("optional")):
        return
    if shape:
        if not isinstance(value, list):
            found.append(problem(where, f"must be a list of {describe_shape(shape)}, not {describe(value)}"))
        elif shape[0] >= 0 and len(value) != shape[0]:
            found.append(problem(where, f"has {len(value)} values; the model takes {shape[0]}"))
        else:
            for index, inner in enumerate(value):
                check_value(f"{where}[{index}]", inner, spec, shape[1:], found)
        return
    message = scalar_problem(value, spec)
    if message is not None:
        found.append(problem(where, message))


def scalar_problem(value: Any, spec: dict) -> Optional[str]:
    wanted = spec["type"]
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    fits = {
        "float": is_number and math.isfinite(value),
        "int": is_number and float(value).is_integer(),
        "boolean": isinstance(value, bool),
        "string": isinstance(value, str),
    }[wanted]
    if not fits:
        return f"must be of type {wanted}, not {describe(value)}"
    if "values" in spec and value not in spec["values"]:
        return f"{describe(value)} is none of the values that the model knows"
    if is_number and value < spec.get("minimum", -math.inf):
        return f"{value} is below the minimum {spec['minimum']}"
    if is_number and value > spec.get("maximum", math.inf):
        return f"{value} is above the maximum {spec['maximum']}"
    return None


def problem(where: str, message: str) -> dict:
    return {"where": where, "message": message}


def describe(value: Any) -> str:
    """A value for a message: short, whatever was sent."""
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "an object"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:40] + "…"


def describe_shape(shape: list) -> str:
    return " × ".join("any number" if size < 0 else str(size) for size in shape) + " values"


def check_inputs(content: Any, source: str) -> dict:
    """The inputs of a signature's content. Raises ValueError that names what is wrong."""
    inputs = content.get("inputs") if isinstance(content, dict) else None
    if not isinstance(inputs, dict) or not inputs:
        raise ValueError(f'{source} has no "inputs": an object with one entry for each input of the model.')
    for name, spec in inputs.items():
        if not isinstance(spec, dict) or spec.get("type") not in TYPES:
            raise ValueError(f'{source}: the "type" of the input {name} is none of {", ".join(TYPES)}.')
        shape = spec.get("shape")
        if not isinstance(shape, list) or not shape or not all(type(size) is int and size >= -1 for size in shape):
            raise ValueError(f'{source}: the "shape" of the input {name} is no list of sizes that begins with -1.')
        for limit in ("minimum", "maximum"):
            if limit in spec and kind_of(spec[limit]) != "float":
                raise ValueError(f'{source}: the "{limit}" of the input {name} is no number.')
    return inputs
