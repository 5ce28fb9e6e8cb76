"""Loads the model of a version's folder, whatever it was saved as, behind one function from a list of instances to a
list of predictions. A library is imported only for a file that needs it."""

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Optional


@dataclass(frozen=True)
class Model:
    """A loaded model."""

    predict: Callable[[list], list]
    """From instances to as many predictions. Both hold nothing but what JSON can hold."""
    platform: str
    """As the Open Inference Protocol names it."""
    signature: Optional[dict] = None
    """What the model file says of its inputs, as the content of a `signature.json`."""


def load_model(folder: Optional[Path]) -> Model:
    """Loads `model.joblib`, `model.pkl`, `model.onnx` or `model.pt`, or the only file with such an ending.

    Raises SystemExit that says what is missing: without its model a server has nothing to do."""
    if folder is None:
        raise SystemExit("Without an entry the folder of the model version is needed: set SLIPWAY_MODEL.")
    file = find(folder)
    try:
        return LOADERS[file.suffix](file)
    except ImportError as error:
        raise SystemExit(
            f"{file.name} needs the library {error.name}, which is not installed: add it to the requirements."
        ) from error


def find(folder: Path) -> Path:
    named = [folder / f"model{suffix}" for suffix in LOADERS if (folder / f"model{suffix}").is_file()]
    found = named or sorted(file for file in folder.iterdir() if file.suffix in LOADERS)
    if not named and len(found) > 1:
        names = ", ".join(file.name for file in found)
        raise SystemExit(f"{folder} holds several models ({names}): call one of them model{found[0].suffix}.")
    if not found:
        kinds = ", ".join(f"model{suffix}" for suffix in LOADERS)
        raise SystemExit(f"{folder} holds none of {kinds}; name an entry that loads the model.")
    return found[0]


def load_joblib(file: Path) -> Model:
    import joblib

    return with_predict(joblib.load(file), file)


def load_pickle(file: Path) -> Model:
    with open(file, "rb") as opened:
        return with_predict(pickle.load(opened), file)


def with_predict(model: Any, file: Path) -> Model:
    """A model with `predict`, as scikit-learn's estimators and pipelines have it."""
    if not callable(getattr(model, "predict", None)):
        raise SystemExit(f"The model in {file} has no `predict`; name an entry that calls it.")
    columns = getattr(model, "feature_names_in_", None)
    names = None if columns is None else list(columns)
    platform = "sklearn" if type(model).__module__.startswith("sklearn.") else "python"
    return Model(lambda instances: to_list(model.predict(as_frame(instances, names))), platform)


def as_frame(instances: list, names: Optional[list]) -> Any:
    """Instances with names as the table that a model was trained on; all others as they are."""
    if names is None or not all(isinstance(instance, dict) for instance in instances):
        return instances
    import pandas

    return pandas.DataFrame(instances, columns=names)


def load_onnx(file: Path) -> Model:
    import numpy
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=onnxruntime.get_available_providers())
    inputs = session.get_inputs()
    outputs = [output.name for output in session.get_outputs()]

    def predict(instances: list) -> list:
        feed = {}
        for one in inputs:
            values = [instance[one.name] for instance in instances] if len(inputs) > 1 else instances
            array = numpy.asarray(values, dtype=ONNX_TYPES[one.type][1])
            # A column of single values: exporters of tables give each feature a second dimension of 1.
            feed[one.name] = array.reshape(-1, 1) if array.ndim == 1 and len(one.shape) == 2 else array
        results = [to_list(result) for result in session.run(outputs, feed)]
        return results[0] if len(results) == 1 else [dict(zip(outputs, row)) for row in zip(*results)]

    return Model(predict, "onnxruntime_onnx", onnx_signature(inputs))


ONNX_TYPES = {
    "tensor(float)": ("float", "float32"),
    "tensor(double)": ("float", "float64"),
    "tensor(float16)": ("float", "float16"),
    "tensor(int64)": ("int", "int64"),
    "tensor(int32)": ("int", "int32"),
    "tensor(uint8)": ("int", "uint8"),
    "tensor(bool)": ("boolean", "bool"),
    "tensor(string)": ("string", "object"),
}


def onnx_signature(inputs: list) -> dict:
    unknown = [one.type for one in inputs if one.type not in ONNX_TYPES]
    if unknown:
        raise SystemExit(f"The model takes {unknown[0]}, which a request cannot hold; name an entry that calls it.")

    def shape(one: Any) -> list:
        sizes = [size if isinstance(size, int) else -1 for size in one.shape]
        # A second dimension of 1 beside other inputs is how exporters write a column of single values.
        return [-1] if len(inputs) > 1 and sizes[1:] == [1] else [-1, *sizes[1:]]

    return {"inputs": {one.name: {"type": ONNX_TYPES[one.type][0], "shape": shape(one)} for one in inputs}}


def load_torchscript(file: Path) -> Model:
    import torch

    try:
        module = torch.jit.load(str(file), map_location="cpu").eval()
    except RuntimeError as error:
        raise SystemExit(
            f"{file} is no TorchScript: save it by torch.jit.script(model).save(…), or name an entry that loads it."
        ) from error

    def predict(instances: list) -> list:
        with torch.inference_mode():
            return to_list(module(torch.tensor(instances, dtype=torch.float32)))

    return Model(predict, "pytorch_torchscript")


def to_list(predictions: Any) -> list:
    """Predictions of NumPy, PyTorch, pandas or plain Python as a list."""
    return predictions.tolist() if hasattr(predictions, "tolist") else list(predictions)


LOADERS: dict = {
    ".joblib": load_joblib,
    ".pkl": load_pickle,
    ".pickle": load_pickle,
    ".onnx": load_onnx,
    ".pt": load_torchscript,
}
