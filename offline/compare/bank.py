#!/usr/bin/env python3
"""A bank's next products: Tandem with the customers' profiles, without them, its model of rows (the preset `bank-products`), and the
most frequent additions, by MAP@7.

    pip install numpy polars
    python3 offline/compare/bank.py [--offline target/release/offline] panel.parquet

PANEL has a row a customer (`ncodpers`) and month (`fecha_dato`): columns of the profile, and 24 products (`ind_*_ult1`, 1 where the
customer holds it). An addition of a product is a purchase, and so are the products of the first month; a closing takes the purchase
back and stays in the history. June's additions are asked from what was known at the end of May: events and rows of profiles up to
then. Products that a customer holds are not recommended, those that were closed are. The cases are the customers with an addition
in June; 95% intervals are of 1,000 bootstrap samples of customers. A customer whom a model knows nothing of gets the most frequent
additions. Settings were chosen on May (`--month 2015-05`).
"""

import argparse
import json
import os
import pathlib
import subprocess
import tempfile

import numpy
import polars as pl

K = 7
# A product that was closed is in the history, and may be recommended again.
SEEN = "exclude_purchased"
CONFIG = """
[ingest]
max_duplicate_share = 1.0
[ingest.users]
user = "ncodpers"
time = "fecha_dato"
categories = ["cod_prov", "ind_actividad_cliente", "ind_nuevo", "indrel"]
[kinds]
closed = { weight = 0.5, undoes = "transaction" }
[popularity]
half_life_days = 30.0
[profile]
half_life_days = 30.0
[blend]
objective = "top-k"
seen = "exclude_purchased"
windows = "time"
validation_share = 0.05
max_cases = 20000
# With 24 items trees learn which item of which month was added.
[ranker]
kind = "linear"
windows = 3
"""


def prepare(panel, split, folder):
    """Writes events and profiles; returns the products held before, the month's additions, and how often each was added before."""
    products = [name for name in panel.columns if name.endswith("_ult1")]
    held = (
        panel.select("ncodpers", "fecha_dato", *products)
        .unpivot(products, index=["ncodpers", "fecha_dato"], variable_name="item", value_name="holds")
        .sort("ncodpers", "item", "fecha_dato")
        .with_columns(before=pl.col("holds").shift(1).over("ncodpers", "item"))
    )
    added = held.filter((pl.col("holds") == 1) & (pl.col("before").is_null() | (pl.col("before") == 0)))
    closed = held.filter((pl.col("holds") == 0) & (pl.col("before") == 1))
    asked = pl.col("fecha_dato") >= split
    events = pl.concat([added.with_columns(event=pl.lit("transaction")), closed.filter(~asked).with_columns(event=pl.lit("closed"))])
    events = events.sort("fecha_dato", "ncodpers", "item").select("ncodpers", "item", "event", timestamp="fecha_dato")
    events.rename({"ncodpers": "user"}).write_parquet(folder / "events.parquet")
    panel.drop(*products, "split").write_parquet(folder / "users.parquet")
    first = panel["fecha_dato"].min()
    later = added.filter(~asked & (pl.col("fecha_dato") > first))
    counts = later.group_by("item").len().sort("len", "item", descending=[True, False])
    last = held.filter(~asked)["fecha_dato"].max()
    holdings = by_customer(held.filter((pl.col("fecha_dato") == last) & (pl.col("holds") == 1)))
    return holdings, by_customer(added.filter(asked)), counts["item"].to_list()


def by_customer(rows):
    return {str(user): set(items) for user, items in rows.group_by("ncodpers").agg("item").iter_rows()}


def tandem(offline, split, folder, users, config):
    """The slates of the customers that are known."""
    slates = folder / "slates.jsonl"
    command = [offline, "evaluate", "--events", folder / "events.parquet", "--split", split, "--task", "top-k", "--k", str(K)]
    command += ["--seen", SEEN, "--config", config, "--slates", slates, *users]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"RUST_LOG": "offline=info"})
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    log = os.environ.get("BANK_LOG")
    if log:
        pathlib.Path(log).open("a").write(done.stderr + done.stdout)
    return {slate["user"]: slate["items"] for slate in map(json.loads, slates.open())}


def model_of_rows(offline, panel, folder):
    """The slates by the probabilities of the preset, stopped on the month before the last one."""
    months = sorted(panel["fecha_dato"].unique())
    parts = {month: "train" for month in months} | {months[-2]: "valid", months[-1]: "test"}
    rows = panel.with_columns(split=pl.col("fecha_dato").replace_strict(parts))
    rows.write_parquet(folder / "rows.parquet")
    rows.filter(pl.col("split") == "test").write_parquet(folder / "asked.parquet")
    (folder / "split.toml").write_text('[split]\nby = "column"\ncolumn = "split"\n')
    artifacts = ["--artifacts", folder / "artifacts"]
    train = [offline, "score", "train", "--preset", "bank-products", "--config", folder / "split.toml"]
    subprocess.run([*train, "--data", folder / "rows.parquet", *artifacts], check=True, capture_output=True)
    predict = [offline, "score", "predict", "--model", "bank-products", "--data", folder / "asked.parquet"]
    subprocess.run([*predict, "--out", folder / "scored.parquet", *artifacts], check=True, capture_output=True)
    scored = pl.read_parquet(folder / "scored.parquet")
    labels = [name for name in scored.columns if name.startswith("probability_")]
    best = numpy.argsort(-scored.select(labels).to_numpy(), axis=1, kind="stable")[:, :K]
    customers = rows.filter(pl.col("split") == "test")["ncodpers"]
    names = [name.removeprefix("probability_") for name in labels]
    return {str(user): [names[at] for at in own] for user, own in zip(customers, best)}


def average_precision(items, targets):
    hits, total = 0, 0.0
    for rank, item in enumerate(items[:K], 1):
        if item in targets:
            hits += 1
            total += hits / rank
    return total / min(len(targets), K)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("panel")
    arguments.add_argument("--offline", default="target/release/offline")
    arguments.add_argument("--month", default="2015-06", help="the month that is asked; settings are chosen on earlier ones")
    arguments.add_argument("--config", help="settings over those of this script, as TOML")
    arguments.add_argument("--only", choices=["with", "without", "rows"])
    given = arguments.parse_args()
    panel = pl.read_parquet(given.panel).with_columns(pl.col("fecha_dato").cast(pl.String))
    split, panel = f"{given.month}-01", panel.filter(pl.col("fecha_dato") < f"{given.month}-99")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        holdings, additions, frequent = prepare(panel, split, folder)
        config = folder / "config.toml"
        config.write_text(pathlib.Path(given.config).read_text() if given.config else CONFIG)
        customers = sorted(additions)
        most_frequent = {user: [item for item in frequent if item not in holdings.get(user, ())] for user in customers}
        models = {"most frequent additions": most_frequent}
        if given.only in (None, "rows"):
            models["tandem's model of rows"] = model_of_rows(given.offline, panel, folder)
        if given.only in (None, "without"):
            models["tandem without profiles"] = tandem(given.offline, split, folder, [], config)
        if given.only in (None, "with"):
            models["tandem with profiles"] = tandem(given.offline, split, folder, ["--users", folder / "users.parquet"], config)
    samples = numpy.random.default_rng(42).integers(0, len(customers), (1000, len(customers)), dtype=numpy.int32)
    print(f"{len(customers)} customers with {sum(map(len, additions.values()))} additions in {given.month}")
    for name, slates in models.items():
        values = [average_precision(slates.get(user, most_frequent[user]), additions[user]) for user in customers]
        values = numpy.array(values)
        low, high = numpy.percentile([values[sample].mean() for sample in samples], [2.5, 97.5])
        unknown = sum(user not in slates for user in customers)
        print(f"{name}: MAP@{K} {values.mean():.4f}, 95% {low:.4f} to {high:.4f}; {unknown} customers unknown")


if __name__ == "__main__":
    main()
