#!/usr/bin/env python3
"""Forms of "bought together": leave one out over the baskets of the last month of train, for Online Retail II.

    pip install polars numpy
    python3 offline/compare/baskets.py online_retail_2009_2010.parquet

Pairs are counted in invoices up to 2010-09-30; of at most 1,000 invoices of October every item in turn is predicted
from the others. November and December, on which `offline evaluate --task basket` measures, are not looked at.
The forms: co-occurrence c_ij / (n_i^a * n_j^b), times c_ij / (c_ij + shrinkage) (lift is a = b = 1, cosine a = b = 0.5,
conditional probability b = 0), where an invoice of n items counts n^-g; and the log-likelihood ratio (Dunning 1993).
"""

import itertools
import sys

import numpy as np
import polars as pl

OCTOBER, NOVEMBER = 1285891200000, 1288569600000
MOST, KS, SAMPLE = 100, (10, 20), 1000
POWERS = ((1, 1), (0.5, 0.5), (1, 0), (1, 0.3), (0.6, 0.6), (0.8, 0.6), (0.8, 0.7), (1, 0.6), (1, 0.7))
SHRINKAGES = (0, 1, 3, 5, 8)


def baskets(path):
    """Item rows of invoices by the preset's rules: those of train, and those of validation."""
    rows = pl.read_parquet(path).with_columns(
        pl.col("Invoice").cast(pl.String), pl.col("StockCode").cast(pl.String).str.strip_chars()
    )
    rows = rows.filter(
        ~pl.col("Invoice").str.starts_with("C") & ~pl.col("Invoice").str.starts_with("A") & (pl.col("Quantity") >= 1)
        & pl.col("StockCode").str.contains(r"^\d{5}") & pl.col("Customer ID").is_not_null()
    )
    rows = rows.with_columns(time=pl.col("InvoiceDate").cast(pl.Datetime("ms")).dt.epoch("ms"))
    rows = rows.filter(pl.col("time") < NOVEMBER)
    parts = rows.filter(pl.col("time") < OCTOBER), rows.filter(pl.col("time") >= OCTOBER)
    row_of = {code: row for row, code in enumerate(sorted(set(parts[0]["StockCode"])))}
    of = lambda part: [
        sorted({row_of[code] for code in codes if code in row_of})
        for codes in part.group_by("Invoice", maintain_order=True).agg("StockCode")["StockCode"].to_list()
    ]
    return len(row_of), of(parts[0]), of(parts[1])


def counts(items, train, power):
    """Weighted co-occurrence, in how many baskets each item is, and how many there are."""
    together, own = np.zeros((items, items), np.float32), np.zeros(items)
    for basket in train:
        own[basket] += 1
        if 2 <= len(basket) <= MOST:
            together[np.ix_(basket, basket)] += len(basket) ** -power
    np.fill_diagonal(together, 0)
    return together, np.maximum(own, 1), len(train)


def likelihood_ratio(c, n, total):
    """2 * sum of observed * ln(observed / expected), of pairs that are seen together more often than by chance."""
    a, b, d = c, n[:, None] - c, n[None, :] - c
    e = np.maximum(total - a - b - d, 0)
    log = lambda observed, expected: np.log(np.maximum(observed, 1e-9) / expected)
    term = lambda observed, expected: np.where(observed > 0, observed * log(observed, expected), 0)
    row, column = n[:, None] / total, n[None, :] / total
    ratio = 2 * (term(a, row * column * total) + term(b, row * (1 - column) * total)
                 + term(d, (1 - row) * column * total) + term(e, (1 - row) * (1 - column) * total))
    return np.where(a > row * column * total, np.maximum(ratio, 0), 0)


def measured(scores, validation):
    """HR@10, HR@20 and MRR@20 over all items of the baskets."""
    hits, reciprocal, cases = np.zeros(len(KS)), 0.0, 0
    for basket in validation:
        whole = scores[basket].sum(0)
        for left_out in basket:
            of_rest = whole - scores[left_out]
            of_rest[[other for other in basket if other != left_out]] = -1
            rank = int((of_rest > of_rest[left_out]).sum()) + 1 if of_rest[left_out] > 0 else 10**6
            hits += [rank <= k for k in KS]
            reciprocal += 1 / rank if rank <= KS[-1] else 0
            cases += 1
    return cases, hits / cases, reciprocal / cases


def main():
    items, train, validation = baskets(sys.argv[1])
    validation = [basket for basket in validation if 2 <= len(basket) <= MOST]
    chosen = np.random.default_rng(42).permutation(len(validation))[:SAMPLE]
    validation = [validation[at] for at in chosen]

    def tell(name, scores):
        cases, (ten, twenty), mrr = measured(scores.astype(np.float32), validation)
        print(f"{name:44} {cases} cases  HR@10 {ten:.4f}  HR@20 {twenty:.4f}  MRR@20 {mrr:.4f}", flush=True)

    plain = counts(items, train, 0.0)
    tell("popularity", np.tile(plain[1], (items, 1)))
    tell("log-likelihood ratio", likelihood_ratio(*plain))
    tell("square root of it", np.sqrt(likelihood_ratio(*plain)))
    for power in (0.0, 0.5, 0.75, 1.0):
        c, n, _ = counts(items, train, power)
        for (a, b), shrinkage in itertools.product(POWERS, SHRINKAGES):
            scores = c / n[:, None] ** a / n[None, :] ** b * c / np.maximum(c + shrinkage, 1e-9)
            tell(f"a {a} b {b} shrinkage {shrinkage} basket power {power}", scores)


if __name__ == "__main__":
    main()
