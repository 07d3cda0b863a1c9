#!/usr/bin/env python3
"""Boosted trees of Tandem beside LightGBM and CatBoost (PyPI): quality, training and scoring, on the same rows.

    pip install catboost lightgbm pandas polars
    offline rows --train A --test B --out ROWS          # the ranker's rows
    python3 offline/compare/trees.py [--slates ROWS]

All: 100 trees of 31 leaves (oblivious ones of 32: depth 5), the same learning rate, no early stopping, 2 threads. The rate is
higher than usual, for 100 oblivious trees are not done at 0.1.

Tabular rows are made here, in the order of time, seeded: numbers, some missing, and categories of 5 to 40,000 values;
effects of values and pairs of them, slopes by category, drift. LightGBM gets categories as `categorical_feature`, CatBoost
as `cat_features`. Both get a second try on the numbers that Tandem makes of them (written down again below in polars), so
that trees are compared with trees. Slates are learn.parquet against test.parquet: LambdaRank, in CatBoost YetiRank.

Everything else is each one's default. Tandem's config is for slates and early stopping: here no rows and features are left
out, and on tabular rows l2 is 3, as in CatBoost, and bins are 255, as in LightGBM.

Seconds are those of training, categories and bins included, reading excluded.

Scoring: 100 rows, 100 trees, one thread; LGBM_BoosterPredictForMat, the time with 100 trees less that with one (the call,
its checks and the copies of the rows), times 100 / 99; Tandem's is the whole call.
"""

import argparse
import ctypes
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

TREES, LEAVES, DEPTH, THREADS = 100, 31, 5, 2
L2, SMOOTHING = 3.0, 10.0
LEARN, TEST = 300_000, 100_000
ALLOWED, FASTER, CANDIDATES = 0.005, 10, 100
os.environ |= {"OMP_NUM_THREADS": str(THREADS), "RAYON_NUM_THREADS": str(THREADS)}

import catboost  # noqa: E402
import lightgbm  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import polars as pl  # noqa: E402


def generate(rows, seed):
    """Rows of a shop's offers: was it taken?"""
    random = np.random.default_rng(seed)
    late = np.arange(rows) / rows - 0.5
    sizes = {"device": 5, "weekday": 7, "channel": 20, "category": 200, "merchant": 3000, "user": 40_000}
    spread = {"device": 0.3, "weekday": 0.15, "channel": 0.5, "category": 0.6, "merchant": 0.7, "user": 0.6}
    codes, effects = {}, {}
    for name, size in sizes.items():
        weights = 1 / (np.arange(size) + 5.0) ** 0.9
        codes[name] = random.choice(size, rows, p=weights / weights.sum())
        effects[name] = random.normal(0, spread[name], size)
    device, channel, category = codes["device"], codes["channel"], codes["category"]
    amount = np.exp(random.normal(3, 1, rows) + random.normal(0, 0.3, 200)[category])
    age = random.gamma(2.0, 15.0, rows)
    score = random.normal(0, 1, rows) - 0.3 * effects["user"][codes["user"]]
    hour = random.uniform(0, 24, rows)
    noise = [random.normal(0, 1, rows) for _ in range(4)]
    logit = -1.8 + 0.8 * late + sum(effects[name][codes[name]] for name in sizes)
    logit += random.normal(0, 0.5, (5, 20))[device, channel]
    logit += 0.8 * late * random.normal(0, 1, 20)[channel]
    logit += random.normal(0, 0.5, 200)[category] * (np.log(amount) - 3)
    logit += 0.5 * np.sin(hour / 12 * np.pi) - 0.7 * score + 0.6 * (age < 10) * (amount > 30)
    logit += 0.4 * noise[0] * noise[1] + 0.3 * np.abs(noise[2])
    label = random.uniform(size=rows) < 1 / (1 + np.exp(-logit))

    def with_holes(values, share):
        return pl.Series(np.where(random.uniform(size=rows) < share, np.nan, values), dtype=pl.Float32).fill_nan(None)

    numbers = {"amount": with_holes(amount, 0.0), "age": with_holes(age, 0.1), "hour": with_holes(hour, 0.0),
               "score": with_holes(score, 0.1 + 0.3 * (score > 1))}
    numbers |= {f"number_{at}": with_holes(values, 0.05) for at, values in enumerate(noise)}
    categories = {name: pl.Series([f"{name}-{code}" for code in codes[name]]) for name in sizes}
    return pl.DataFrame(numbers | categories | {"label": label.astype(np.int32)})


def categories_of(frame):
    return [name for name in frame.columns if frame[name].dtype == pl.String]


def with_codes(learn, test):
    """Categories as codes for LightGBM; values that learn has not are missing."""
    for name in categories_of(learn):
        values = learn[name].unique().sort()
        learn, test = (frame.with_columns(pl.col(name).replace_strict(values, range(len(values)), default=None))
                       for frame in (learn, test))
    return learn, test


def with_encodings(learn, test):
    """Categories as Tandem encodes them, see offline/src/trees/encode.rs."""
    count, labels = pl.int_range(pl.len()), pl.col("label").cum_sum() - pl.col("label")
    prior = labels / count
    for name in categories_of(learn):
        seen, taken = count.over(name), labels.over(name)
        sums = learn.group_by(name).agg(seen=pl.len(), taken=pl.col("label").sum())
        learn = learn.with_columns(
            (seen / count).alias(f"{name} count"), ((taken + SMOOTHING * prior) / (seen + SMOOTHING)).alias(f"{name} mean"))
        test = test.join(sums, on=name, how="left", maintain_order="left").with_columns(
            pl.col("seen", "taken").fill_null(0)).with_columns(
            (pl.col("seen") / len(learn)).alias(f"{name} count"),
            ((pl.col("taken") + SMOOTHING * learn["label"].mean()) / (pl.col("seen") + SMOOTHING)).alias(f"{name} mean"),
        ).drop("seen", "taken")
    categories = categories_of(learn)
    return learn.drop(categories), test.drop(categories)


def numbers_of(frame):
    return frame.drop("label", "group", strict=False).cast(pl.Float32).to_numpy(order="c")


def labels_of(frame):
    return (frame["label"] > 0).cast(pl.Int32).to_numpy()


def sizes_of(frame):
    """Of the groups."""
    return frame["group"].rle().struct.field("len").to_numpy() if "group" in frame.columns else None


def tabular_figures(labels, chances):
    ranks = pl.Series(chances).rank().to_numpy()
    positives = labels.sum()
    auc = (ranks[labels > 0].sum() - positives * (positives + 1) / 2) / (positives * (len(labels) - positives))
    chances = np.clip(chances, 1e-15, 1 - 1e-15)
    return {"AUC": auc, "log-loss": -np.mean(np.where(labels > 0, np.log(chances), np.log1p(-chances)))}


def slates_figures(labels, sizes, scores):
    of_group = []
    for start, size in zip(np.cumsum(sizes) - sizes, sizes):
        found = labels[start:start + size][np.argsort(-scores[start:start + size], kind="stable")]
        discounts = 1 / np.log2(np.arange(2, 22))
        of_group.append((found[:20] * discounts[:size]).sum() / discounts[:min(found.sum(), 20)].sum())
    return {"NDCG@20": np.mean(of_group)}


def tandem(binary, folder, objective, rate, **settings):
    settings |= {"objective": objective, "trees": TREES, "depth": DEPTH, "learning_rate": rate}
    environment = os.environ | {f"TANDEM_TREES__{key.upper()}": str(value) for key, value in settings.items()}
    environment |= {"TANDEM_ENCODE__SMOOTHING": str(SMOOTHING)}
    command = [binary, "trees", "--learn", f"{folder}/learn.parquet", "--test", f"{folder}/test.parquet"]
    return json.loads(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


def timed(train):
    start = time.perf_counter()
    model = train()
    return model, time.perf_counter() - start


def light(learn, objective, rate, categories=()):
    numbers, labels, sizes = numbers_of(learn), labels_of(learn), sizes_of(learn)
    places = [learn.columns.index(name) for name in categories]
    settings = {"objective": objective, "num_leaves": LEAVES, "learning_rate": rate, "num_threads": THREADS, "verbose": -1}
    return timed(lambda: lightgbm.train(
        settings, lightgbm.Dataset(numbers, labels, group=sizes, categorical_feature=places), TREES))


def cat(learn, loss, rate, categories=()):
    labels, sizes = labels_of(learn), sizes_of(learn)
    groups = None if sizes is None else np.repeat(np.arange(len(sizes)), sizes)
    model = catboost.CatBoost({
        "loss_function": loss, "iterations": TREES, "depth": DEPTH, "learning_rate": rate, "thread_count": THREADS,
        "verbose": 0, "allow_writing_files": False})
    rows = cat_rows(learn)
    return timed(lambda: model.fit(catboost.Pool(rows, labels, group_id=groups, cat_features=list(categories))))


def cat_rows(frame):
    frame = frame.drop("label", "group", strict=False)
    return pd.DataFrame({name: frame[name].to_numpy() for name in frame.columns})


def report(name, results):
    """Prints figures and how far each is from the better peer; returns whether Tandem is near enough."""
    higher = {"AUC": 1, "NDCG@20": 1, "log-loss": -1}
    metrics = list(results["tandem"][0])
    best = {metric: max((peer[metric] for who, (peer, _) in results.items() if who != "tandem"),
                        key=lambda value: higher[metric] * value) for metric in metrics}
    print(f"\n{name}\n{'':24}" + "".join(f"{metric:>10} {'':>8}" for metric in metrics) + f"{'seconds':>9}")
    ahead = {}
    for who, (figures, seconds) in results.items():
        ahead[who] = {metric: higher[metric] * (figures[metric] / best[metric] - 1) for metric in metrics}
        print(f"{who:24}" + "".join(f"{figures[metric]:10.5f} {ahead[who][metric]:+8.2%}" for metric in metrics)
              + f"{seconds:9.1f}", flush=True)
    return all(difference >= -ALLOWED for difference in ahead["tandem"].values())


def compare_tabular(binary, rate, seed):
    rows = generate(LEARN + TEST, seed)
    learn, test = rows[:LEARN], rows[LEARN:]
    names = categories_of(learn)
    with tempfile.TemporaryDirectory() as folder:
        learn.write_parquet(f"{folder}/learn.parquet")
        test.write_parquet(f"{folder}/test.parquet")
        ours = tandem(binary, folder, "binary", rate, l2=L2, row_share=1, feature_share=1, bins=255)
    labels = labels_of(test)
    results = {"tandem": ({"AUC": ours["auc"], "log-loss": ours["log_loss"]}, ours["seconds"])}
    codes, encodings = with_codes(learn, test), with_encodings(learn, test)
    for who, (learned, tested), categories in (("lightgbm", codes, names), ("lightgbm, encoded", encodings, [])):
        model, seconds = light(learned, "binary", rate, categories)
        results[who] = tabular_figures(labels, model.predict(numbers_of(tested))), seconds
    for who, (learned, tested), categories in (("catboost", (learn, test), names), ("catboost, encoded", encodings, [])):
        model, seconds = cat(learned, "Logloss", rate, categories)
        results[who] = tabular_figures(labels, model.predict(cat_rows(tested), "Probability")[:, 1]), seconds
    return report(f"tabular: {LEARN} rows, measured on {TEST}, learning rate {rate}", results)


def compare_slates(binary, folder, rate):
    learn, test = (pl.read_parquet(f"{folder}/{name}.parquet") for name in ("learn", "test"))
    numbers, labels, sizes = numbers_of(test), labels_of(test), sizes_of(test)
    ours = tandem(binary, folder, "lambdarank", rate, row_share=1, feature_share=1)
    results = {"tandem": ({"NDCG@20": ours["metric"]}, ours["seconds"])}
    booster, seconds = light(learn, "lambdarank", rate)
    results["lightgbm"] = slates_figures(labels, sizes, booster.predict(numbers)), seconds
    model, seconds = cat(learn, "YetiRank", rate)
    results["catboost"] = slates_figures(labels, sizes, model.predict(cat_rows(test))), seconds
    near = report(f"slates: {len(learn)} rows, measured on {len(sizes)} questions, learning rate {rate}", results)
    return compare_scoring(booster, numbers[:CANDIDATES], ours) and near


def compare_scoring(booster, rows, ours):
    library = ctypes.CDLL(next(pathlib.Path(lightgbm.__file__).parent.glob("lib/lib_lightgbm.*")))
    rows = np.ascontiguousarray(rows, np.float32)
    scores, length = np.empty(len(rows)), ctypes.c_int64()

    def microseconds(trees):
        best = float("inf")
        for _ in range(50):
            start = time.perf_counter()
            for _ in range(20):
                failed = library.LGBM_BoosterPredictForMat(
                    booster._handle, rows.ctypes.data_as(ctypes.c_void_p), 0, *map(ctypes.c_int32, rows.shape), 1, 1, 0, trees,
                    b"num_threads=1", ctypes.byref(length), scores.ctypes.data_as(ctypes.POINTER(ctypes.c_double)))
                assert not failed
            best = min(best, (time.perf_counter() - start) / 20)
        return best * 1e6

    one, all_trees = microseconds(1), microseconds(TREES)
    assert np.allclose(scores, booster.predict(rows, raw_score=True))
    theirs = (all_trees - one) * TREES / (TREES - 1)
    ours = ours["scoring_micros"]
    print(f"\nscoring {len(rows)} rows with {TREES} trees, microseconds: tandem {ours:.1f}, lightgbm {theirs:.1f} "
          f"(calls with {TREES} trees {all_trees:.1f}, with one {one:.1f}): {theirs / ours:.1f} times faster")
    return theirs / ours >= FASTER


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--slates", help="a folder of `offline rows`")
    arguments.add_argument("--seed", type=int, default=1, help="of the tabular rows")
    arguments.add_argument("--tabular-rate", type=float, default=0.3)
    arguments.add_argument("--slates-rate", type=float, default=0.2)
    arguments.add_argument("--binary", default="target/release/offline")
    given = arguments.parse_args()
    good = [compare_tabular(given.binary, given.tabular_rate, given.seed)]
    if given.slates:
        good.append(compare_slates(given.binary, given.slates, given.slates_rate))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
