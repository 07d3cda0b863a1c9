"""usearch beside Tandem's searches for the items with the largest inner products.

TANDEM_VERSION=... TANDEM_ANN_OUT=/tmp/ann cargo bench -p shared --bench ann [-- ITEMS]
pip install numpy usearch && python offline/compare/ann.py /tmp/ann FACTORS

Inner product becomes cosine by one more dimension, as in shared/src/engine/ann/graph.rs. One thread.
"""

import os
import sys
import time

import numpy as np
from usearch.index import Index


def main(folder, factors):
    read = lambda name, kind, width: np.fromfile(os.path.join(folder, name), kind).reshape(-1, width)
    items, queries = read("items.f32", "<f4", factors), read("queries.f32", "<f4", factors)
    truth = read("truth.u32", "<u4", 100)
    squares = (items**2).sum(1)
    items = np.c_[items, np.sqrt(np.maximum(squares.max() - squares, 0))].astype("f4")
    queries = np.c_[queries, np.zeros(len(queries))].astype("f4")
    known = np.flatnonzero(squares > 0).astype("u8")
    for kind in ["f32", "f16", "i8"]:
        index = Index(ndim=factors + 1, metric="cos", dtype=kind, connectivity=16, expansion_add=100)
        start = time.perf_counter()
        index.add(known, items[known], threads=2)
        built = time.perf_counter() - start
        path = os.path.join(folder, f"usearch.{kind}")
        index.save(path)
        start = time.perf_counter()
        index.load(path)
        loaded = time.perf_counter() - start
        aims = [0.95, 0.99]
        for ef in [100, 200, 400, 800, 1600, 3200]:
            index.expansion_search = ef
            start = time.perf_counter()
            found = index.search(queries, 100, threads=1).keys
            rate = len(queries) / (time.perf_counter() - start)
            recall = np.mean([len(np.intersect1d(a, b)) / 100 for a, b in zip(truth, found)])
            size = index.memory_usage / 2**20
            print(f"| usearch {kind}, ef {ef} | {built:.2f} | {loaded:.2f} | {size:.1f} | {recall:.4f} | {rate:.0f} |")
            while aims and recall >= aims[0]:
                aims.pop(0)
            if not aims:
                break


main(sys.argv[1], int(sys.argv[2]))
