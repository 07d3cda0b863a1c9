#!/usr/bin/env python3
"""ALS of Tandem beside `implicit` (PyPI) on MovieLens-1M, in one run on this machine.

    pip install implicit polars scipy
    python3 offline/compare/als_vs_implicit.py RATINGS.parquet [--seeds 3]

RATINGS has `user`, `item`, `pos` and `ts_approx` (seconds, null for the held-out part). Both sides: the same factors,
sweeps, regularisation, confidences (1 + alpha for each rated item), conjugate gradient with 3 steps, 2 threads.
Recall@20 over the users on both sides, train items excluded, targets that train never saw counted as missed. Seconds
are those of the factorisation alone.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

FACTORS, SWEEPS, REGULARIZATION, ALPHA, K = 64, 15, 10.0, 5.0, 20
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "2", "RAYON_NUM_THREADS": "2"}

import implicit  # noqa: E402
import numpy as np  # noqa: E402
import polars as pl  # noqa: E402
import scipy.sparse as sp  # noqa: E402


def tandem(binary, folder, seed):
    environment = os.environ | {
        "TANDEM_ALS__FACTORS": str(FACTORS), "TANDEM_ALS__SWEEPS": str(SWEEPS), "TANDEM_ALS__SEED": str(seed),
        # The same loss divided by alpha.
        "TANDEM_ALS__REGULARIZATION": str(REGULARIZATION / ALPHA), "TANDEM_ALS__UNOBSERVED_WEIGHT": str(1 / ALPHA),
        "TANDEM_ALS__REGULARIZATION_POWER": "0",
        "TANDEM_ALS__SOLVER_STEPS": "3", "TANDEM_USERS__HISTORY": "5000", "TANDEM_USERS__CACHED": "0",
        "TANDEM_BLEND__FIT": "false",
    }
    command = [binary, "evaluate", "--config", f"{folder}/config.toml", "--task", "top-k", "--k", str(K),
               "--train", f"{folder}/train.parquet", "--test", f"{folder}/test.parquet", "--format", "json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    seconds = float(re.search(r"^als +([\d.]+)", done.stderr, re.MULTILINE).group(1))
    als = next(result for result in json.loads(done.stdout)["results"] if result["model"] == "als")
    return als[f"recall@{K}"], seconds, als["cases"]


def reference(train, test, seed):
    users = {user: row for row, user in enumerate(sorted(set(train["user"])))}
    items = {item: row for row, item in enumerate(sorted(set(train["item"])))}
    rows = [users[user] for user in train["user"]]
    columns = [items[item] for item in train["item"]]
    matrix = sp.csr_matrix((np.full(len(rows), 1 + ALPHA, np.float32), (rows, columns)), (len(users), len(items)))
    model = implicit.als.AlternatingLeastSquares(
        factors=FACTORS, regularization=REGULARIZATION, alpha=1.0, iterations=SWEEPS, use_cg=True, num_threads=2,
        random_state=seed, calculate_training_loss=False)
    start = time.perf_counter()
    model.fit(matrix, show_progress=False)
    seconds = time.perf_counter() - start
    recalls = []
    for user, held_out in test.group_by("user"):
        row = users.get(user[0])
        if row is None:
            continue
        known = set(matrix[row].indices)
        targets = {items.get(item, ("unknown", item)) for item in held_out["item"]} - known
        if targets:
            found, _ = model.recommend(row, matrix[row], N=K, filter_already_liked_items=True)
            recalls.append(len(targets & set(found.tolist())) / len(targets))
    return statistics.mean(recalls), seconds, len(recalls)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("ratings")
    arguments.add_argument("--seeds", type=int, default=3)
    arguments.add_argument("--binary", default="target/release/offline")
    given = arguments.parse_args()
    ratings = pl.read_parquet(given.ratings)
    train = ratings.filter(pl.col("ts_approx").is_not_null())
    test = ratings.filter(pl.col("ts_approx").is_null())
    with tempfile.TemporaryDirectory() as folder:
        train.write_parquet(f"{folder}/train.parquet")
        test.write_parquet(f"{folder}/test.parquet")
        with open(f"{folder}/config.toml", "w", encoding="utf-8") as config:
            config.write('[ingest]\ntimestamp_unit = "s"\ndefault_event = "view"\nmissing_timestamps = "allow"\n'
                         '[ingest.columns]\ntimestamp = "ts_approx"\nuser = "user"\nitem = "item"\nevent = ""\n'
                         'order = "pos"\n')
        print(f"{'seed':>4} {'':9} {'Recall@20':>9} {'seconds':>8} {'cases':>6}")
        figures = {"tandem": [], "implicit": []}
        for seed in range(1, given.seeds + 1):
            for name, run in (("tandem", lambda: tandem(given.binary, folder, seed)),
                              ("implicit", lambda: reference(train, test, seed))):
                recall, seconds, cases = run()
                figures[name].append((recall, seconds))
                print(f"{seed:4} {name:9} {recall:9.4f} {seconds:8.2f} {cases:6}")
        mean = {name: [statistics.mean(column) for column in zip(*rows)] for name, rows in figures.items()}
        print(f"mean Recall@20: tandem {mean['tandem'][0]:.4f}, implicit {mean['implicit'][0]:.4f}; "
              f"seconds tandem / implicit: {mean['tandem'][1] / mean['implicit'][1]:.2f}")
    return 0 if mean["tandem"][0] >= mean["implicit"][0] - 0.002 else 1


if __name__ == "__main__":
    sys.exit(main())
