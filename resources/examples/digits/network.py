"""The model: one hidden layer over the 64 levels of a scan, in NumPy, shared by training, evaluation and serving."""

import json
from pathlib import Path

import numpy as np

LABELS = [str(digit) for digit in range(10)]
PIXELS = 64
LEVELS = 16

SIGNATURE = {
    "inputs": {"instances": {"type": "float", "shape": [-1, PIXELS], "minimum": 0, "maximum": LEVELS}},
    "outputs": {"predictions": {"label": "string", "probability": "float"}},
}


def initial_weights(hidden, rng):
    """He initialization (He et al. 2015, eq. 10), zero biases."""
    return {
        "w1": rng.normal(0, np.sqrt(2 / PIXELS), (PIXELS, hidden)).astype(np.float32),
        "b1": np.zeros(hidden, np.float32),
        "w2": rng.normal(0, np.sqrt(2 / hidden), (hidden, len(LABELS))).astype(np.float32),
        "b2": np.zeros(len(LABELS), np.float32),
    }


def forward(weights, x):
    """Scans as rows of levels 0 to 16; returns the scaled inputs, the hidden activations and the probabilities."""
    inputs = np.asarray(x, np.float32) / LEVELS
    hidden = np.maximum(inputs @ weights["w1"] + weights["b1"], 0)
    logits = hidden @ weights["w2"] + weights["b2"]
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return inputs, hidden, exponents / exponents.sum(axis=1, keepdims=True)


def gradients(weights, x, y):
    """The mean cross-entropy of a batch and its gradient by each weight."""
    inputs, hidden, probabilities = forward(weights, x)
    rows = np.arange(len(y))
    loss = -np.log(probabilities[rows, y] + 1e-12).mean()
    by_logits = probabilities
    by_logits[rows, y] -= 1
    by_logits /= len(y)
    by_hidden = by_logits @ weights["w2"].T
    by_hidden[hidden <= 0] = 0
    return loss, {
        "w1": inputs.T @ by_hidden,
        "b1": by_hidden.sum(axis=0),
        "w2": hidden.T @ by_logits,
        "b2": by_logits.sum(axis=0),
    }


def evaluate(weights, x, y):
    """Mean cross-entropy, accuracy, and the predicted labels."""
    probabilities = forward(weights, x)[2]
    predicted = probabilities.argmax(axis=1)
    loss = -np.log(probabilities[np.arange(len(y)), y] + 1e-12).mean()
    return float(loss), float((predicted == y).mean()), predicted


def save_model(folder, weights):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "model.npz", **weights)
    (folder / "signature.json").write_text(json.dumps(SIGNATURE, indent=2) + "\n", "utf-8")
    (folder / "labels.json").write_text(json.dumps(LABELS) + "\n", "utf-8")


def save_reference(folder, weights, x, rows=500):
    """Some of the training data with what the model says of it: what requests in production are compared with."""
    chosen = x[np.linspace(0, len(x) - 1, min(rows, len(x))).astype(int)]
    probabilities = forward(weights, chosen)[2]
    with open(Path(folder) / "reference.jsonl", "w", encoding="utf-8") as file:
        for scan, row in zip(chosen.tolist(), probabilities):
            prediction = {"label": LABELS[row.argmax()], "probability": round(float(row.max()), 6)}
            file.write(json.dumps({"instance": scan, "prediction": prediction}) + "\n")


def load_model(folder):
    """The weights and the label names of a model folder."""
    folder = Path(folder)
    with np.load(folder / "model.npz", allow_pickle=False) as arrays:
        weights = {name: arrays[name] for name in ("w1", "b1", "w2", "b2")}
    return weights, json.loads((folder / "labels.json").read_text("utf-8"))
