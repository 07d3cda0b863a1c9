#!/usr/bin/env python3
"""ALS of Tandem beside `implicit` (PyPI): quality on MovieLens-1M, seconds there and on a generated log, in one run.

    pip install implicit polars scipy
    python3 offline/compare/als_vs_implicit.py RATINGS.parquet [--events 10000000 --users 1000000 --items 100000]

RATINGS has `user`, `item`, `pos` and `ts_approx` (seconds, null for the held-out part). Both sides minimise the same loss
by conjugate gradient with 3 steps on 2 threads; each is tuned by the same grid on the last fifth of the train events, then
measured on the held-out part with three seeds. Recall@20 over the users on both sides, train items excluded, targets that
train never saw counted as missed (see peers.py). Seconds are those of making the matrix and factorising it. Ends with 1
where the mean Recall@20 is more than 0.5% below that of `implicit`.
"""

import argparse
import itertools
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

os.environ |= {"RAYON_NUM_THREADS": "2"}

from peers import K, Split, als, implicit, np, sp  # noqa: E402

import polars as pl  # noqa: E402

SWEEPS, SEEDS = 15, (1, 2, 3)
GRID = {"factors": [64, 128], "regularization": [30.0, 100.0, 300.0], "alpha": [0.3, 1.0, 3.0]}
GENERATED_SWEEPS, GENERATED_FACTORS = 3, (64, 256)


def als_environment(factors, regularization, alpha, sweeps, seed):
    """The loss of `implicit` divided by alpha."""
    settings = {"FACTORS": factors, "SWEEPS": sweeps, "SEED": seed, "REGULARIZATION": regularization / alpha,
                "UNOBSERVED_WEIGHT": 1 / alpha, "REGULARIZATION_POWER": 0, "SOLVER_STEPS": 3}
    return os.environ | {f"TANDEM_ALS__{name}": str(value) for name, value in settings.items()}


def als_seconds(told):
    return float(re.search(r"^als +([\d.]+)", told, re.MULTILINE).group(1))


def tandem(binary, files, settings, seed=1):
    environment = als_environment(**settings, sweeps=SWEEPS, seed=seed) | {
        "TANDEM_USERS__HISTORY": "5000", "TANDEM_USERS__CACHED": "0", "TANDEM_BLEND__FIT": "false"}
    command = [binary, "evaluate", "--preset", "movielens", "--task", "top-k", "--k", str(K), "--train", files[0],
               "--test", files[1], "--format", "json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    result = next(result for result in json.loads(done.stdout)["results"] if result["model"] == "als")
    return result[f"recall@{K}"], als_seconds(done.stderr), result["cases"]


def reference(split, settings, seed=1):
    start = time.perf_counter()
    scores = als(split, "ones", **settings, sweeps=SWEEPS, seed=seed)
    seconds = time.perf_counter() - start
    return split.measure(scores)[0], seconds, len(split.rows)


def quality(ratings, binary, folder):
    """Recall@20 of Tandem over that of `implicit`."""
    known = pl.col("ts_approx").is_not_null()
    train, test = ratings.filter(known), ratings.filter(~known)
    cut = pl.col("ts_approx") < train["ts_approx"].quantile(0.8)
    parts = {"early": train.filter(cut), "late": train.filter(~cut), "train": train, "test": test}
    for name, part in parts.items():
        part.write_parquet(f"{folder}/{name}.parquet")
    file = {name: f"{folder}/{name}.parquet" for name in parts}
    named = {name: part.select("user", "item", time="ts_approx") for name, part in parts.items()}
    validation = Split(named["early"], named["late"], "exclude_all")
    held_out = Split(named["train"], named["test"], "exclude_all")
    trials = [dict(zip(GRID, values)) for values in itertools.product(*GRID.values())]
    sides = {
        "tandem": (lambda settings: tandem(binary, (file["early"], file["late"]), settings),
                   lambda settings, seed: tandem(binary, (file["train"], file["test"]), settings, seed)),
        "implicit": (lambda settings: reference(validation, settings),
                     lambda settings, seed: reference(held_out, settings, seed)),
    }
    best = {}
    for name, (on_validation, _) in sides.items():
        tried = [on_validation(settings)[0] for settings in trials]
        best[name] = trials[max(range(len(trials)), key=tried.__getitem__)]
        print(f"{name:9} tuned on train: {best[name]}, Recall@{K} there {max(tried):.4f}", flush=True)
    print(f"\n{'seed':>4} {'':9} {'Recall@20':>9} {'seconds':>8} {'cases':>6}")
    figures = {"tandem": [], "implicit": []}
    for seed in SEEDS:
        for name, (_, on_test) in sides.items():
            recall, seconds, cases = on_test(best[name], seed)
            figures[name].append((recall, seconds))
            print(f"{seed:4} {name:9} {recall:9.4f} {seconds:8.2f} {cases:6}", flush=True)
    mean = {name: [statistics.mean(column) for column in zip(*rows)] for name, rows in figures.items()}
    ratio = mean["tandem"][0] / mean["implicit"][0]
    print(f"mean Recall@20: tandem {mean['tandem'][0]:.4f}, implicit {mean['implicit'][0]:.4f}, ratio {ratio:.4f}; "
          f"seconds: {mean['tandem'][1]:.2f}, {mean['implicit'][1]:.2f}")
    return ratio


def generated(given, folder):
    """Seconds of a few sweeps on the log of a made-up shop."""
    shape = ["--events", str(given.events), "--users", str(given.users), "--items", str(given.items)]
    subprocess.run([given.binary, "generate", *shape, "--out", folder], check=True, capture_output=True)
    log = f"{folder}/events.csv"
    events = pl.read_csv(log, columns=["visitorid", "itemid"], schema_overrides={"visitorid": str, "itemid": str})
    rows, columns = (events[name].rank("dense").to_numpy() - 1 for name in ("visitorid", "itemid"))
    print(f"\n{len(events)} generated events, {rows.max() + 1} users, {columns.max() + 1} items, {GENERATED_SWEEPS} sweeps")
    del events
    for factors in GENERATED_FACTORS:
        environment = als_environment(factors, 10.0, 1.0, GENERATED_SWEEPS, 1)
        command = [given.binary, "fit", "--source", "als", "--events", log, "--out", f"{folder}/als"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        own = als_seconds(done.stderr)
        start = time.perf_counter()
        matrix = sp.csr_matrix((np.full(len(rows), 2, np.float32), (rows, columns)))
        model = implicit.als.AlternatingLeastSquares(
            factors=factors, regularization=10.0, alpha=1.0, iterations=GENERATED_SWEEPS, use_cg=True, num_threads=2,
            random_state=1, calculate_training_loss=False)
        model.fit(matrix, show_progress=False)
        seconds = time.perf_counter() - start
        print(f"{factors:4} factors: tandem {own:.1f} s, implicit {seconds:.1f} s, ratio {own / seconds:.2f}", flush=True)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("ratings")
    arguments.add_argument("--binary", default="target/release/offline")
    arguments.add_argument("--events", type=int, default=10_000_000, help="of the generated log; 0 leaves it out")
    arguments.add_argument("--users", type=int, default=1_000_000)
    arguments.add_argument("--items", type=int, default=100_000)
    arguments.add_argument("--seconds-only", action="store_true", help="leaves MovieLens-1M out")
    given = arguments.parse_args()
    ratio = 1.0
    with tempfile.TemporaryDirectory() as folder:
        if not given.seconds_only:
            ratio = quality(pl.read_parquet(given.ratings), given.binary, folder)
        if given.events:
            generated(given, folder)
    return 0 if ratio >= 0.995 else 1


if __name__ == "__main__":
    sys.exit(main())
