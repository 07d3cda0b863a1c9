#!/usr/bin/env python3
"""The shipped defaults on logs that they were not set on: what a shop gets that names its columns and sets nothing else.

    pip install polars
    python3 offline/compare/defaults.py DATASETS [--binary target/release/offline]

DATASETS has `retailrocket/events.csv` (three kinds of events), `online_retail/` (purchases with times of baskets) and
`movielens_1m/` (dense; once with times, once in each user's order without). Generated logs are added: small, dense and
sparse ones. Of each: what is served, the blend, the best source alone and the best popularity, on held-out events.
Ends with 1 where what is served is more than 1% behind the best source alone.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

import polars as pl

INVOICES = """
[ingest]
default_event = "transaction"
sessions = "column"
skip = [
    { column = "Invoice", starts_with = "C", reason = "cancelled" },
    { column = "Invoice", starts_with = "A", reason = "adjustment" },
    { column = "Customer ID", not_matching = '.', reason = "no customer" },
]
[ingest.columns]
timestamp = "InvoiceDate"
user = "Customer ID"
item = "StockCode"
event = ""
session = "Invoice"
[blend]
objective = "top-k"
seen = "exclude_all"
"""
RATINGS = """
[ingest]
default_event = "view"
timestamp_unit = "s"
missing_timestamps = "allow"
[ingest.columns]
timestamp = "{timestamp}"
user = "user"
item = "item"
event = ""
order = "pos"
[blend]
objective = "{objective}"
seen = "exclude_all"
"""
NEXT_ITEM, TOP_K, LAST = ["--task", "next-item"], ["--task", "top-k"], ["--task", "next-item", "--leave-last-out"]
GENERATED = {"generated, small": (20_000, 2_000, 300), "generated, dense": (400_000, 4_000, 500),
             "generated, sparse": (300_000, 120_000, 40_000)}


def logs(datasets, folder, binary):
    """Name, config and arguments of each log."""
    yield "shop events", "", [*NEXT_ITEM, "--events", f"{datasets}/retailrocket/events.csv"]
    invoices = f"{datasets}/online_retail/online_retail_2009_2010.parquet"
    yield "gift shop", INVOICES, [*TOP_K, "--events", invoices, "--split", "2010-11-01"]
    ratings = pl.read_parquet(f"{datasets}/movielens_1m/ratings.parquet")
    timed = pl.col("ts_approx").is_not_null()
    files = [f"{folder}/train.parquet", f"{folder}/test.parquet"]
    for file, part in zip(files, (timed, ~timed)):
        ratings.filter(part).write_parquet(file)
    config = RATINGS.format(timestamp="ts_approx", objective="top-k")
    yield "films, after a time", config, [*TOP_K, "--train", files[0], "--test", files[1]]
    config = RATINGS.format(timestamp="", objective="last-item")
    yield "films, without times", config, [*LAST, "--events", f"{datasets}/movielens_1m/ratings.parquet"]
    for name, (events, users, items) in GENERATED.items():
        out = f"{folder}/{name}"
        sizes = ["--events", str(events), "--users", str(users), "--items", str(items), "--seed", "11"]
        subprocess.run([binary, "generate", *sizes, "--out", out], check=True, capture_output=True)
        yield name, "", [*NEXT_ITEM, "--events", f"{out}/events.csv", "--items", f"{out}/items.csv"]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("datasets")
    arguments.add_argument("--binary", default="target/release/offline")
    given = arguments.parse_args()
    behind = []
    print(f"{'NDCG@20':22}{'cases':>7} {'served':>8} {'blend':>8}   best source alone          popularity", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, config, wanted in logs(given.datasets, folder, given.binary):
            settings = os.path.join(folder, "config.toml")
            with open(settings, "w") as file:
                file.write(config)
            command = [given.binary, "evaluate", "--config", settings, "--k", "20", "--format", "json", *wanted]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"{name}: {done.stderr}")
            results = {result["model"]: result for result in json.loads(done.stdout)["results"]}
            value = {model: result["ndcg@20"] for model, result in results.items()}
            served, blend = value.pop("tandem"), value.pop("blend", float("nan"))
            popularity = max(value[model] for model in value if model.startswith("popularity"))
            best = max(value, key=value.get)
            print(f"{name:22}{results['tandem']['cases']:>7} {served:8.4f} {blend:8.4f}   {value[best]:.4f} {best:18} "
                  f"{popularity:8.4f}", flush=True)
            if served < 0.99 * value[best]:
                behind.append(name)
    return 1 if behind else 0


if __name__ == "__main__":
    sys.exit(main())
