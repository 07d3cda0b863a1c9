#!/usr/bin/env python3
"""Tandem beside EASE, item-kNN and ALS of `implicit`, and windowed popularity: top-k for known users, in one run.

    pip install implicit polars scipy
    python3 offline/compare/top_k.py movielens ratings.parquet
    python3 offline/compare/top_k.py online-retail online_retail_2009_2010.parquet

movielens: `user`, `item`, `pos` and `ts_approx` (null for the held-out part). online-retail: invoices up to 2010-10-31
are train; seen `exclude_all`, then `allow`. All are tuned on train alone: the peers by a grid on the cut of train that
`VALIDATION` names, Tandem by its preset and by the windows that it cuts itself. See peers.py for cases and figures.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

from peers import K, Split, tuned

import polars as pl

VALIDATION = {"movielens": "the last fifth of the train events", "online-retail": "2010-10"}
OCTOBER, NOVEMBER = 1285891200000, 1288569600000


def movielens(path, folder, binary):
    """Train, test, the start of the validation part, and what Tandem is given."""
    ratings = pl.read_parquet(path)
    known = pl.col("ts_approx").is_not_null()
    files = [f"{folder}/train.parquet", f"{folder}/test.parquet"]
    for file, part in zip(files, (ratings.filter(known), ratings.filter(~known))):
        part.write_parquet(file)
    train, test = (ratings.filter(part).select("user", "item", time="ts_approx") for part in (known, ~known))
    return train, test, train["time"].quantile(0.8), ["--train", files[0], "--test", files[1]]


def online_retail(path, folder, binary):
    """As `movielens`; the rows that are no purchases are left out by the preset's rules, for all alike."""
    log = f"{folder}/log.jsonl"
    subprocess.run([binary, "ingest", "--preset", "online-retail", "--events", path, "--out", log,
                    "--rejects", f"{folder}/rejects.jsonl"], check=True, capture_output=True)
    events = pl.read_ndjson(log).select(user="visitorid", item="itemid", time="timestamp")
    train, test = events.filter(pl.col("time") < NOVEMBER), events.filter(pl.col("time") >= NOVEMBER)
    return train, test, OCTOBER, ["--events", path, "--split", str(NOVEMBER)]


def tandem(binary, preset, seen, given, config):
    command = [binary, "evaluate", "--preset", preset, "--task", "top-k", "--seen", seen, "--k", str(K),
               "--format", "json", *given, *(["--config", config] if config else [])]
    environment = os.environ | {"TANDEM_BLEND__SEEN": seen}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["results"]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("data", choices=VALIDATION)
    arguments.add_argument("path")
    arguments.add_argument("--binary", default="target/release/offline")
    arguments.add_argument("--config", help="settings of Tandem over the preset")
    arguments.add_argument("--peers-only", action="store_true")
    arguments.add_argument("--on-validation", action="store_true", help="measures on the validation part of train")
    given = arguments.parse_args()
    ahead = True
    with tempfile.TemporaryDirectory() as folder:
        read = {"movielens": movielens, "online-retail": online_retail}[given.data]
        train, test, validation_from, split = read(given.path, folder, given.binary)
        early, late = train.filter(pl.col("time") < validation_from), train.filter(pl.col("time") >= validation_from)
        if given.on_validation:
            (train, test), split = (early, late), validation_split(given.data, folder, given.path, validation_from)
        for seen in ["exclude_all"] if given.data == "movielens" else ["exclude_all", "allow"]:
            questions = Split(train, test, seen)
            print(f"\n{given.data}, {seen}: {len(questions.rows)} cases")
            print(f"{'':18} {'Recall@20':>9} {'NDCG@20':>9}  settings (their figures on {VALIDATION[given.data]})")
            best = [0.0, 0.0]
            weights = ["ones"] if given.data == "movielens" else ["ones", "log"]
            for name, settings, valid, figures in tuned(Split(early, late, seen), questions, weights):
                told = " ".join(f"{key}={value}" for key, value in settings.items())
                print(f"{name:18} {figures[0]:9.4f} {figures[1]:9.4f}  {told} ({valid[0]:.4f}, {valid[1]:.4f})",
                      flush=True)
                best = [max(pair) for pair in zip(best, figures)]
            if given.peers_only:
                continue
            for result in tandem(given.binary, given.data, seen, split, given.config):
                assert result["cases"] == len(questions.rows), "both sides must have the same cases"
                own = [result[f"recall@{K}"], result[f"ndcg@{K}"]]
                print(f"{result['model']:18} {own[0]:9.4f} {own[1]:9.4f}", flush=True)
                if result["model"] == "tandem":
                    ahead &= all(ours > theirs for ours, theirs in zip(own, best))
    return 0 if ahead else 1


def validation_split(data, folder, path, validation_from):
    """What Tandem is given to be measured on the validation part of train."""
    if data == "movielens":
        train = pl.read_parquet(f"{folder}/train.parquet")
        for name, part in (("early", pl.col("ts_approx") < validation_from),
                           ("late", pl.col("ts_approx") >= validation_from)):
            train.filter(part).write_parquet(f"{folder}/{name}.parquet")
        return ["--train", f"{folder}/early.parquet", "--test", f"{folder}/late.parquet"]
    until = pl.col("InvoiceDate") < pl.from_epoch(pl.lit(NOVEMBER), "ms")
    pl.read_parquet(path).filter(until).write_parquet(f"{folder}/until.parquet")
    return ["--events", f"{folder}/until.parquet", "--split", str(validation_from)]


if __name__ == "__main__":
    sys.exit(main())
