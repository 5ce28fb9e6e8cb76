"""Measures a model on the test part of the split, overall and for each label."""

import json
import os
from pathlib import Path

import numpy as np

import network


def main():
    features = Path(os.environ.get("SLIPWAY_INPUT_FEATURES", "runs/features"))
    model = Path(os.environ.get("SLIPWAY_INPUT_MODEL", "runs/output/model"))
    metrics_file = Path(os.environ.get("SLIPWAY_METRICS", "runs/test-metrics.json"))
    weights, labels = network.load_model(model)
    with np.load(features / "test.npz", allow_pickle=False) as arrays:
        x, y = arrays["x"], arrays["y"]
    loss, accuracy, predicted = network.evaluate(weights, x, y)
    metrics = {"test/accuracy": accuracy, "test/loss": loss}
    for index, label in enumerate(labels):
        rows = y == index
        if rows.any():
            metrics[f"test/accuracy/{label}"] = float((predicted[rows] == index).mean())
    metrics_file.parent.mkdir(parents=True, exist_ok=True)
    metrics_file.write_text(json.dumps(metrics, indent=2) + "\n", "utf-8")
    print(f"{len(y)} scans, accuracy {accuracy:.4f}")


if __name__ == "__main__":
    main()
