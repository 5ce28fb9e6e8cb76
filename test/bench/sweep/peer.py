"""The other side of the sweep benchmark: what is optimized, and Optuna.

Reads one JSON object a line and answers each by one:
  {"do": "tasks"}                                        -> {"optuna", "tasks": {NAME: {"space", "goal"}}}
  {"do": "evaluate", "task", "params": [...]}            -> {"values": [...]}
  {"do": "curve", "task", "params": {...}}               -> {"values": [one an epoch, 1 to 52]}
  {"do": "optuna", "task", "trials", "seeds": [...]}     -> {"best": [one a seed]}
  {"do": "askTime", "task", "trials", "asks"}            -> {"medianMs"}
  {"do": "wilcoxon", "greater": [...], "than": [...]}    -> {"p"}

Spaces are written as in slipway.yaml. argv[1], optional: the folder of lcbench's surrogate (model.onnx and its JSON).
"""

import json
import math
import os
import statistics
import sys
import time

import numpy as np
import optuna
from scipy.stats import wilcoxon

optuna.logging.set_verbosity(optuna.logging.ERROR)

EPOCHS = 52
# As YAHPO Gym's lcbench scenario orders the inputs; val_accuracy is the second output.
CONTINUOUS = ["epoch", "batch_size", "learning_rate", "momentum", "weight_decay", "num_layers", "max_units", "max_dropout"]
VAL_ACCURACY = 1
LCBENCH_TASKS = ["3945", "7593", "34539", "126029", "146212", "167168", "189873", "189906"]


def box(size, low, high):
    return {f"x{i}": {"float": [low, high]} for i in range(size)}


def vector(params):
    return [params[f"x{i}"] for i in range(len(params))]


def sphere(x):
    return sum(v * v for v in x)


def rosenbrock(x):
    return sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in zip(x, x[1:]))


def rastrigin(x):
    return sum(v * v - 10 * math.cos(2 * math.pi * v) + 10 for v in x)


def ackley(x):
    n = len(x)
    spread = math.sqrt(sum(v * v for v in x) / n)
    waves = sum(math.cos(2 * math.pi * v) for v in x) / n
    return -20 * math.exp(-0.2 * spread) - math.exp(waves) + 20 + math.e


def griewank(x):
    return sum(v * v for v in x) / 4000 - math.prod(math.cos(v / math.sqrt(i + 1)) for i, v in enumerate(x)) + 1


def schwefel(x):
    return 418.9828872724338 * len(x) - sum(v * math.sin(math.sqrt(abs(v))) for v in x)


def levy(x):
    w = [1 + (v - 1) / 4 for v in x]
    inner = sum((a - 1) ** 2 * (1 + 10 * math.sin(math.pi * a + 1) ** 2) for a in w[:-1])
    return math.sin(math.pi * w[0]) ** 2 + inner + (w[-1] - 1) ** 2 * (1 + math.sin(2 * math.pi * w[-1]) ** 2)


def branin(x):
    a, b = x
    return (b - 5.1 / (4 * math.pi**2) * a * a + 5 / math.pi * a - 6) ** 2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(a) + 10 - 0.39788735772973816


HARTMANN_ALPHA = np.array([1.0, 1.2, 3.0, 3.2])
HARTMANN_A = np.array([[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]])
HARTMANN_P = 1e-4 * np.array(
    [[1312, 1696, 5569, 124, 8283, 5886], [2329, 4135, 8307, 3736, 1004, 9991], [2348, 1451, 3522, 2883, 3047, 6650], [4047, 8828, 8732, 5743, 1091, 381]]
)


def hartmann6(x):
    inner = np.sum(HARTMANN_A * (np.array(x) - HARTMANN_P) ** 2, axis=1)
    return float(3.32236801141551 - HARTMANN_ALPHA @ np.exp(-inner))


# Three kinds of model, each with parameters of its own: choices, integers, logarithms and steps.
MIXED_SPACE = {
    "model": {"choice": ["svm", "forest", "mlp"]},
    "scale": {"choice": ["none", "standard", "robust"]},
    "kernel": {"choice": ["linear", "rbf"], "when": {"model": "svm"}},
    "c": {"log": [1e-3, 1e3], "when": {"model": "svm"}},
    "gamma": {"log": [1e-4, 10], "when": {"model": "svm", "kernel": "rbf"}},
    "trees": {"logInt": [10, 1000], "when": {"model": "forest"}},
    "depth": {"int": [1, 20], "when": {"model": "forest"}},
    "features": {"float": [0.1, 1.0], "step": 0.1, "when": {"model": "forest"}},
    "lr": {"log": [1e-5, 1], "when": {"model": "mlp"}},
    "layers": {"int": [1, 6], "when": {"model": "mlp"}},
    "units": {"logInt": [16, 1024], "when": {"model": "mlp"}},
    "dropout": {"float": [0, 0.8], "when": {"model": "mlp"}},
}


def mixed(p):
    unscaled = {"none": 0.15, "standard": 0.0, "robust": 0.03}[p["scale"]]
    if p["model"] == "forest":
        depth = ((p["depth"] - 13) / 20) ** 2
        return 0.22 + 0.6 * depth + 0.3 * (p["features"] - 0.4) ** 2 + 0.4 / math.sqrt(p["trees"])
    if p["model"] == "svm":
        if p["kernel"] == "linear":
            return 0.3 + unscaled + 0.02 * math.log10(p["c"] / 0.1) ** 2
        ridge = math.log10(p["c"]) + math.log10(p["gamma"])
        return 0.12 + unscaled + 0.04 * (ridge + 0.5) ** 2 + 0.02 * (math.log10(p["gamma"]) + 1.5) ** 2
    width = math.log2(p["units"])
    best_lr = -2.5 - 0.15 * (p["layers"] - 3) - 0.1 * (width - 7)
    capacity = p["layers"] * width
    overfit = max(0.0, capacity / 24 - p["dropout"] - 0.6)
    return 0.05 + unscaled + 0.06 * (math.log10(p["lr"]) - best_lr) ** 2 + 0.1 * abs(p["layers"] - 3) / 3 + 0.2 * overfit**2 + 0.1 * p["dropout"] ** 2 + 0.01 * abs(width - 8)


def on_vector(function):
    return lambda params: function(vector(params))


# Boxes of the optimization test problems of Surjanovic and Bingham; those whose optimum is in the middle, where every
# Parzen estimator has its prior, are moved aside by a fifth of their width.
FUNCTIONS = {
    "sphere": (box(5, -3.072, 7.168), on_vector(sphere)),
    "rosenbrock": (box(4, -5, 10), on_vector(rosenbrock)),
    "rastrigin": (box(5, -3.072, 7.168), on_vector(rastrigin)),
    "ackley": (box(5, -19.6608, 45.8752), on_vector(ackley)),
    "griewank": (box(5, -360, 840), on_vector(griewank)),
    "schwefel": (box(5, -500, 500), on_vector(schwefel)),
    "levy": (box(5, -10, 10), on_vector(levy)),
    "branin": ({"x0": {"float": [-5, 10]}, "x1": {"float": [0, 15]}}, on_vector(branin)),
    "hartmann6": (box(6, 0, 1), on_vector(hartmann6)),
    "mixed": (MIXED_SPACE, mixed),
}


class Lcbench:
    def __init__(self, folder):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.path.join(folder, "model.onnx"), options)
        with open(os.path.join(folder, "encoding.json")) as file:
            self.codes = json.load(file)["OpenML_task_id"]
        with open(os.path.join(folder, "config_space.json")) as file:
            self.space = space_of(json.load(file)["hyperparameters"])

    def accuracies(self, task, rows):
        """Validation accuracy of each row of CONTINUOUS, in percent."""
        kinds = np.full((len(rows), 1), self.codes[task], dtype=np.int32)
        outputs = self.session.run(None, {"x_cat": kinds, "x_cont": np.array(rows, dtype=np.float32)})
        return [float(v) for v in outputs[0][:, VAL_ACCURACY]]

    @staticmethod
    def row(params, epoch):
        return [epoch if name == "epoch" else params[name] for name in CONTINUOUS]


def space_of(hyperparameters):
    space = {}
    for it in hyperparameters:
        bounds = [it["lower"], it["upper"]] if "lower" in it else None
        if it["name"] in ("epoch", "OpenML_task_id"):
            continue
        if it["type"] == "uniform_int":
            space[it["name"]] = {"logInt" if it["log"] else "int": bounds}
        else:
            space[it["name"]] = {"log" if it["log"] else "float": bounds}
    return space


lcbench = Lcbench(sys.argv[1]) if len(sys.argv) > 1 else None


def tasks():
    found = {name: {"space": space, "goal": "minimize"} for name, (space, _) in FUNCTIONS.items()}
    if lcbench:
        found |= {f"lcbench {task}": {"space": lcbench.space, "goal": "maximize"} for task in LCBENCH_TASKS}
    return found


def evaluate(task, params):
    if task in FUNCTIONS:
        return [FUNCTIONS[task][1](it) for it in params]
    return lcbench.accuracies(task.split()[1], [Lcbench.row(it, EPOCHS) for it in params])


def suggest(trial, space):
    params = {}
    for name, spec in space.items():
        if any(params.get(parent) not in (allowed if isinstance(allowed, list) else [allowed]) for parent, allowed in spec.get("when", {}).items()):
            continue
        if "choice" in spec:
            params[name] = trial.suggest_categorical(name, spec["choice"])
        elif "int" in spec:
            params[name] = trial.suggest_int(name, *spec["int"], step=spec.get("step", 1))
        elif "logInt" in spec:
            params[name] = trial.suggest_int(name, *spec["logInt"], log=True)
        elif "log" in spec:
            params[name] = trial.suggest_float(name, *spec["log"], log=True)
        else:
            params[name] = trial.suggest_float(name, *spec["float"], step=spec.get("step"))
    return params


def study_of(task, seed):
    it = tasks()[task]
    study = optuna.create_study(direction=it["goal"], sampler=optuna.samplers.TPESampler(seed=seed))
    return study, it["space"]


def optuna_best(task, trials, seed):
    study, space = study_of(task, seed)
    study.optimize(lambda trial: evaluate(task, [suggest(trial, space)])[0], n_trials=trials)
    return study.best_value


def ask_time(task, trials, asks):
    study, space = study_of(task, 0)
    for _ in range(trials):
        trial = study.ask()
        study.tell(trial, evaluate(task, [suggest(trial, space)])[0])
    times = []
    for _ in range(asks):
        began = time.perf_counter()
        trial = study.ask()
        params = suggest(trial, space)
        times.append(1000 * (time.perf_counter() - began))
        study.tell(trial, evaluate(task, [params])[0])
    return statistics.median(times)


def wilcoxon_p(greater, than):
    differences = np.array(greater) - np.array(than)
    return 1.0 if not differences.any() else float(wilcoxon(differences, alternative="greater").pvalue)


def answer(ask):
    match ask["do"]:
        case "tasks":
            return {"optuna": optuna.__version__, "tasks": tasks()}
        case "evaluate":
            return {"values": evaluate(ask["task"], ask["params"])}
        case "curve":
            rows = [Lcbench.row(ask["params"], epoch) for epoch in range(1, EPOCHS + 1)]
            return {"values": lcbench.accuracies(ask["task"].split()[1], rows)}
        case "optuna":
            return {"best": [optuna_best(ask["task"], ask["trials"], seed) for seed in ask["seeds"]]}
        case "askTime":
            return {"medianMs": ask_time(ask["task"], ask["trials"], ask["asks"])}
        case "wilcoxon":
            return {"p": wilcoxon_p(ask["greater"], ask["than"])}
    raise ValueError(f"unknown request {ask['do']}")


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
