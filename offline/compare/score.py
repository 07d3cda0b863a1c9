#!/usr/bin/env python3
"""Trains `offline score` beside LightGBM and CatBoost on tables with a `split` column, and prints what each is worth on the
test rows: ROC AUC, log-loss, the difference to ours with its 95% interval, seconds of training with 2 threads.

    pip install lightgbm catboost scikit-learn polars pandas pyarrow
    python3 offline/compare/score.py [--offline target/release/offline] TABLES [name ...]
    python3 offline/compare/score.py generated

TABLES is the folder of tables: bank_marketing/, loan_default/, avazu/. `generated` is tables of made-up rows, on which nothing was
tuned, of several draws each (--draws). Ours runs with its defaults, LightGBM with 2,000 trees at
most, a learning rate of 0.05 and early stopping after 50, CatBoost with its defaults and early stopping after 50.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile
import time

import catboost
import lightgbm
import numpy
import pandas
import polars
from sklearn.metrics import log_loss, roc_auc_score

BANK = ["job", "marital", "education", "default", "housing", "loan", "contact", "month", "poutcome"]
CODES = ["C1", "banner_pos", "device_type", "device_conn_type", "C14", "C15", "C16", "C17", "C18", "C19", "C20", "C21"]
# Name: file, label, columns that are not looked at, categories that are numbers.
TABLES = {
    "bank_full": ("bank_marketing/bank_full.parquet", "y", ["row", "split_time"], []),
    "bank_full, no duration": ("bank_marketing/bank_full.parquet", "y", ["row", "split_time", "duration"], []),
    "bank_small": ("bank_marketing/bank_small.parquet", "y", ["row"], []),
    "loan_default": (
        "loan_default/lending.parquet", "default_payment_next_month", ["ID"], ["SEX", "EDUCATION", "MARRIAGE"]),
    "avazu": ("avazu/impressions_10d.parquet", "click", ["row"], CODES),
}
AVAZU = 'hour = "time"\n[derived]\nhour_of_day = { hour = "hour" }\nweekday = { weekday = "hour" }\n'


def made(kind, seed):
    """Made-up rows of a kind. The label follows a sum of some effects and interactions; the true probabilities are known."""
    random = numpy.random.default_rng(seed)
    rows = {"300 rows": 300, "1:500": 60_000}.get(kind, 12_000)
    columns, log_odds = {}, numpy.zeros(rows)
    if kind in ("dense", "1:500", "300 rows"):
        x = random.normal(size=(rows, 12))
        log_odds += 1.2 * x[:, 0] + numpy.sin(2 * x[:, 1]) + 0.8 * x[:, 2] * x[:, 3] - (x[:, 4] > 0.5) + 0.5 * numpy.abs(x[:, 5])
        columns.update({f"x{at}": x[:, at] for at in range(12)})
    if kind == "sparse":
        x = random.exponential(size=(rows, 60)) * (random.random((rows, 60)) < 0.05)
        log_odds += x @ random.normal(size=60) + 1.5 * (x[:, 0] > 0) * (x[:, 1] > 0) - 0.3
        x[random.random((rows, 60)) < 0.02] = numpy.nan
        columns.update({f"x{at}": x[:, at] for at in range(60)})
    if kind == "many levels":
        effects = [random.normal(size=count) * 1.2 for count in (2000, 500, 50)]
        levels = [numpy.minimum(random.zipf(1.3, rows) - 1, len(own) - 1) for own in effects]
        log_odds += sum(own[level] for own, level in zip(effects, levels))
        together = random.normal(size=(50, 10)) * 1.5
        small = random.integers(0, 10, rows)
        log_odds += together[levels[2], small] - 0.5
        columns.update({f"c{at}": [f"l{level}" for level in own] for at, own in enumerate([*levels, small])})
        columns["x"] = random.normal(size=rows)
        log_odds += columns["x"]
    if kind == "200 columns":
        x = random.normal(size=(rows, 200))
        x[:, 20:40] = x[:, :20] + 0.5 * random.normal(size=(rows, 20))
        log_odds += x[:, :20] @ (random.normal(size=20) * 0.4) + x[:, 0] * x[:, 1]
        columns.update({f"x{at}": x[:, at] for at in range(200)})
    if kind == "1:500":
        shifts = numpy.linspace(-15, 0, 1501)
        log_odds += shifts[numpy.searchsorted([(1 / (1 + numpy.exp(-log_odds - shift))).mean() for shift in shifts], 1 / 501)]
    columns["y"] = (random.random(rows) < 1 / (1 + numpy.exp(-log_odds))).astype(int)
    part = numpy.array(["train"] * 6 + ["valid"] * 2 + ["test"] * 2)
    order = numpy.argsort(columns["y"] + random.random(rows) / 2)  # The same share of positives in every part.
    split = numpy.empty(rows, dtype=object)
    split[order] = part[numpy.arange(rows) % 10]
    return polars.DataFrame({**columns, "split": split.astype(str)})


KINDS = ["dense", "sparse", "many levels", "1:500", "200 columns", "300 rows"]


def ours(offline, table, label, ignored, categories, extra, folder):
    """Seconds of training, and the probabilities of the test rows."""
    columns = "".join(f'{name} = "ignored"\n' for name in ignored) + "".join(f'{name} = "category"\n' for name in categories)
    config = f'name = "m"\nlabel = "{label}"\n[columns]\n{columns}{extra}[split]\nby = "column"\ncolumn = "split"\n'
    (folder / "m.toml").write_text(config)
    table.write_parquet(folder / "rows.parquet")
    table.filter(polars.col("split") == "test").write_parquet(folder / "test.parquet")
    artifacts = ["--artifacts", folder / "artifacts"]
    begin = time.time()
    train = [offline, "score", "train", "--config", folder / "m.toml", "--data", folder / "rows.parquet", "--json", *artifacts]
    subprocess.run(train, check=True, capture_output=True, env={"RAYON_NUM_THREADS": "2", "RUST_LOG": "error"})
    seconds = time.time() - begin
    predict = [offline, "score", "predict", "--model", "m", "--data", folder / "test.parquet", "--out", folder / "out.parquet"]
    subprocess.run(predict + artifacts, check=True, capture_output=True)
    return seconds, polars.read_parquet(folder / "out.parquet")["probability"].to_numpy()


def theirs(table, label, ignored, categories):
    """Of LightGBM and CatBoost: seconds of training, and the probabilities of the test rows."""
    if "hour" in table.columns:
        table = table.with_columns(
            polars.col("hour").dt.hour().alias("hour_of_day"), polars.col("hour").dt.weekday().alias("weekday")).drop("hour")
    parts = {part: table.filter(polars.col("split") == part).drop("split", *ignored).to_pandas() for part in ("train", "valid", "test")}
    labels = {part: rows.pop(label) for part, rows in parts.items()}
    texts = [name for name in parts["train"] if not pandas.api.types.is_numeric_dtype(parts["train"][name]) or name in categories]
    for rows in parts.values():
        for name in texts:
            rows[name] = rows[name].astype(str)
    begin = time.time()
    model = catboost.CatBoostClassifier(thread_count=2, verbose=0, random_seed=1, early_stopping_rounds=50, allow_writing_files=False)
    model.fit(parts["train"], labels["train"], cat_features=texts, eval_set=(parts["valid"], labels["valid"]))
    yield "CatBoost", time.time() - begin, model.predict_proba(parts["test"])[:, 1]
    for name in texts:
        levels = sorted(parts["train"][name].unique())
        for rows in parts.values():
            rows[name] = pandas.Categorical(rows[name].where(rows[name].isin(levels)), categories=levels)
    begin = time.time()
    model = lightgbm.LGBMClassifier(n_estimators=2000, learning_rate=0.05, n_jobs=2, verbose=-1)
    stop = lightgbm.early_stopping(50, verbose=False)
    model.fit(parts["train"], labels["train"], eval_X=parts["valid"], eval_y=labels["valid"], callbacks=[stop])
    yield "LightGBM", time.time() - begin, model.predict_proba(parts["test"])[:, 1]


def interval(labels, own, other, metric):
    """The 95% interval of what `other` has more than `own`, over rows that are drawn again."""
    random = numpy.random.default_rng(1)
    differences = []
    for _ in range(200):
        drawn = random.integers(0, len(labels), len(labels))
        differences.append(metric(labels[drawn], other[drawn]) - metric(labels[drawn], own[drawn]))
    return numpy.percentile(differences, [2.5, 97.5])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--offline", default="target/release/offline")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("tables", type=pathlib.Path)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    generated = str(options.tables) == "generated"
    names = options.names or (KINDS if generated else list(TABLES))
    if generated:
        names = [f"{kind}, draw {draw}" for kind in names for draw in range(1, options.draws + 1)]
    print(f"{'table':24} {'':10} {'rows':>6} {'ROC AUC':>8} {'log-loss':>9} {'seconds':>8}  difference to ours: AUC, log-loss")
    for name in names:
        if generated:
            kind, draw = name.rsplit(", draw ", 1)
            table, label, ignored, categories = made(kind, int(draw)), "y", [], []
        else:
            path, label, ignored, categories = TABLES[name]
            table = polars.read_parquet(options.tables / path)
        labels = table.filter(polars.col("split") == "test")[label].to_numpy()
        with tempfile.TemporaryDirectory() as folder:
            extra = AVAZU if name == "avazu" else ""
            seconds, own = ours(options.offline, table, label, ignored, categories, extra, pathlib.Path(folder))
        rows = [("Tandem", seconds, own), *theirs(table, label, ignored, categories)]
        for who, seconds, found in rows:
            line = f"{name:24} {who:10} {len(labels):6} {roc_auc_score(labels, found):8.4f} {log_loss(labels, found):9.4f} {seconds:8.1f}"
            if who != "Tandem":
                auc, loss = interval(labels, own, found, roc_auc_score), interval(labels, own, found, log_loss)
                line += f"  [{auc[0]:+.4f}, {auc[1]:+.4f}]  [{loss[0]:+.4f}, {loss[1]:+.4f}]"
            print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
