"""Trains the digits model and writes curves, checkpoints, the model and its final metrics.

Under Slipway the SLIPWAY_* variables say where everything lies; by hand (after make_data.py and preprocess.py)
it all goes to runs/. Started again it goes on from the newest checkpoint, and ends with the same model as a run
that was never interrupted: what is random in an epoch depends on the seed and the epoch only.
"""

import argparse
import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
from tensorboardX import SummaryWriter

import network

MOMENTUM = 0.9
COPIES = 12  # jittered copies of each scan in one epoch


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lr", type=float, default=0.0002, help="learning rate at the start; it decays to 0 by a cosine")
    parser.add_argument("--hidden", type=int, default=16, help="units in the hidden layer")
    parser.add_argument("--jitter", type=float, default=0.0, help="how far copies are shifted, in pixels, 0 to 1")
    parser.add_argument("--decay", type=float, default=1e-5, help="weight decay (L2)")
    parser.add_argument("--batch", type=int, default=32, help="scans in a batch")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def validation_split(x, y, seed):
    """A fifth of each label is kept out of training to measure progress; the test part stays unseen."""
    rng = np.random.default_rng(seed)
    kept = np.zeros(len(y), bool)
    for label in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == label))
        kept[rows[: len(rows) // 5]] = True
    return (x[~kept], y[~kept]), (x[kept], y[kept])


def labelled_samples():
    """Requests in production whose label came back: a retraining learns from them, too."""
    folder = os.environ.get("SLIPWAY_INPUT_SAMPLES")
    path = Path(folder, "labelled.jsonl") if folder else None
    lines = path.read_text("utf-8").splitlines() if path and path.exists() else []
    samples = [json.loads(line) for line in lines]
    x = np.array([sample["instance"] for sample in samples], np.float32).reshape(-1, network.PIXELS)
    return x, np.array([int(sample["label"]) for sample in samples], np.int64)


def jittered(x, jitter, rng):
    """Each scan shifted by its own fraction of a pixel, across and down, with linear interpolation."""
    scans = x.reshape(-1, 8, 8)
    for axis in (1, 2):
        shift = rng.uniform(-jitter, jitter, (len(scans), 1, 1)).astype(np.float32)
        padding = [(0, 0), (0, 0), (0, 0)]
        padding[axis] = (1, 1)
        padded = np.pad(scans, padding)
        before = padded.take(range(0, 8), axis)
        after = padded.take(range(2, 10), axis)
        scans = scans * (1 - abs(shift)) + before * np.maximum(shift, 0) + after * np.maximum(-shift, 0)
    return scans.reshape(-1, 64)


def train_epoch(weights, velocity, x, y, epoch, options):
    """One pass over the jittered copies, in place; returns the mean loss."""
    rng = np.random.default_rng([options.seed, epoch])
    lr = options.lr * 0.5 * (1 + np.cos(np.pi * (epoch - 1) / options.epochs))
    losses = []
    for _ in range(COPIES):
        copies = jittered(x, options.jitter, rng)
        order = rng.permutation(len(y))
        for start in range(0, len(y), options.batch):
            rows = order[start : start + options.batch]
            loss, by_weight = network.gradients(weights, copies[rows], y[rows])
            for name, gradient in by_weight.items():
                velocity[name] = MOMENTUM * velocity[name] - lr * (gradient + options.decay * weights[name])
                weights[name] += velocity[name]
            losses.append(loss)
    return float(np.mean(losses))


def save_checkpoint(folder, epoch, weights, velocity):
    """Complete or absent, never half: written beside its place and renamed."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / ".epoch.part"
    with open(part, "wb") as file:
        np.savez(file, epoch=epoch, **weights, **{f"velocity_{name}": array for name, array in velocity.items()})
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, folder / f"epoch-{epoch:04d}.npz")


def newest_checkpoint(folder):
    """Epoch, weights and velocity of the newest checkpoint, or None."""
    paths = sorted(folder.glob("epoch-*.npz"))
    if not paths:
        return None
    with np.load(paths[-1], allow_pickle=False) as arrays:
        weights = {name: arrays[name] for name in ("w1", "b1", "w2", "b2")}
        velocity = {name: arrays[f"velocity_{name}"] for name in weights}
        return int(arrays["epoch"]), weights, velocity


def main():
    options = parse_arguments()
    features = Path(os.environ.get("SLIPWAY_INPUT_FEATURES", "runs/features"))
    logdir = Path(os.environ.get("SLIPWAY_LOGDIR", "runs/logs"))
    checkpoints = Path(os.environ.get("SLIPWAY_CHECKPOINTS", "runs/checkpoints"))
    output = Path(os.environ.get("SLIPWAY_OUTPUT", "runs/output"))
    metrics_file = Path(os.environ.get("SLIPWAY_METRICS", "runs/metrics.json"))

    # SIGTERM asks to stop: the epoch (a fraction of a second) is finished, saved, and nothing is lost.
    stopping = []
    signal.signal(signal.SIGTERM, lambda number, frame: stopping.append(number))

    with np.load(features / "train.npz", allow_pickle=False) as arrays:
        (x, y), (val_x, val_y) = validation_split(arrays["x"], arrays["y"], options.seed)
    more_x, more_y = labelled_samples()
    if len(more_y):
        print(f"{len(more_y)} labelled samples of production", flush=True)
        x, y = np.concatenate([x, more_x]), np.concatenate([y, more_y])
    resumed = newest_checkpoint(checkpoints)
    if resumed:
        done, weights, velocity = resumed
        if weights["b1"].size != options.hidden:
            raise SystemExit(f"{checkpoints} holds a model of {weights['b1'].size} hidden units, not {options.hidden}")
        print(f"going on after epoch {done}", flush=True)
    else:
        done, weights = 0, network.initial_weights(options.hidden, np.random.default_rng(options.seed))
        velocity = {name: np.zeros_like(array) for name, array in weights.items()}

    # purge_step: points logged after the checkpoint and before the interruption are logged anew.
    writer = SummaryWriter(str(logdir), purge_step=done + 1 if resumed else None)
    train_loss = None
    for epoch in range(done + 1, options.epochs + 1):
        train_loss = train_epoch(weights, velocity, x, y, epoch, options)
        val_loss, val_accuracy, _ = network.evaluate(weights, val_x, val_y)
        writer.add_scalar("train/loss", train_loss, epoch)
        writer.add_scalar("val/loss", val_loss, epoch)
        writer.add_scalar("val/accuracy", val_accuracy, epoch)
        writer.flush()
        print(f"epoch {epoch}/{options.epochs} loss {train_loss:.4f} accuracy {val_accuracy:.4f}", flush=True)
        if stopping or epoch % 5 == 0 or epoch == options.epochs:
            save_checkpoint(checkpoints, epoch, weights, velocity)
        if stopping and epoch < options.epochs:
            writer.close()
            print(f"stopped after epoch {epoch}, saved", flush=True)
            sys.exit(128 + stopping[0])
    writer.close()

    val_loss, val_accuracy, _ = network.evaluate(weights, val_x, val_y)
    network.save_model(output / "model", weights)
    network.save_reference(output / "model", weights, x)
    metrics = {"val/accuracy": val_accuracy, "val/loss": val_loss}
    if train_loss is not None:
        metrics["train/loss"] = train_loss
    metrics_file.parent.mkdir(parents=True, exist_ok=True)
    metrics_file.write_text(json.dumps(metrics, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
