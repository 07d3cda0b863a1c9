"""Peers of the comparisons: EASE, item-kNN and ALS of `implicit`, windowed popularity; tuned on a cut of train.

A split is two frames with the columns `user`, `item` and `time` (any number that grows). Cases, Recall and NDCG are
those of `offline evaluate --task top-k`: one question for each user on both sides; targets that train never saw count
as missed; with `exclude_all` the user's train items are taken out of slates and targets.
"""

import itertools
import os
import warnings

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "2"}

import implicit  # noqa: E402
import numpy as np  # noqa: E402
import polars as pl  # noqa: E402
import scipy.sparse as sp  # noqa: E402

K = 20


class Split:
    """Train as a users × items matrix of event counts, and the questions of test."""

    def __init__(self, train, test, seen):
        self.train, self.seen = train, seen
        users, items = train["user"].unique().sort(), train["item"].unique().sort()
        self.user_row = {user: row for row, user in enumerate(users)}
        self.item_row = {item: row for row, item in enumerate(items)}
        rows = train["user"].replace_strict(self.user_row, return_dtype=pl.Int64)
        columns = train["item"].replace_strict(self.item_row, return_dtype=pl.Int64)
        self.columns = columns.to_numpy()
        shape = (len(users), len(items))
        self.counts = sp.csr_matrix((np.ones(len(train), np.float32), (rows, columns)), shape)
        self.rows, self.targets, self.totals = [], [], []
        for (user,), held_out in test.sort("user").group_by("user", maintain_order=True):
            row = self.user_row.get(user)
            if row is None:
                continue
            targets = {self.item_row.get(item, ("unknown", item)) for item in held_out["item"].unique()}
            if seen == "exclude_all":
                targets -= set(self.counts[row].indices.tolist())
            if targets:
                self.rows.append(row)
                self.targets.append({target for target in targets if isinstance(target, int)})
                self.totals.append(len(targets))

    def measure(self, scores):
        """Mean Recall@20 and NDCG@20 of cases × items scores."""
        scores = np.asarray(scores, np.float64).copy()
        if self.seen == "exclude_all":
            scores[self.counts[self.rows].nonzero()] = -np.inf
        best = np.argsort(-scores, axis=1, kind="stable")[:, :K]
        gains = 1 / np.log2(np.arange(K) + 2)
        recalls, ndcgs = [], []
        for slate, targets, total in zip(best.tolist(), self.targets, self.totals):
            hits = np.array([item in targets for item in slate])
            recalls.append(hits.sum() / total)
            ndcgs.append((gains * hits).sum() / gains[:min(total, K)].sum())
        return np.mean(recalls), np.mean(ndcgs)


def weighted(split, weights):
    """Counts as they are, their logarithm, or ones."""
    matrix = split.counts.copy()
    matrix.data = {"ones": np.ones_like, "log": np.log1p, "counts": np.asarray}[weights](matrix.data)
    return matrix


def ease(split, weights, regularization):
    matrix = weighted(split, weights)
    gram = (matrix.T @ matrix).toarray().astype(np.float64)
    gram[np.diag_indices_from(gram)] += regularization
    inverse = np.linalg.inv(gram)
    model = inverse / -np.diag(inverse)
    # Where repeats are allowed an item stands for itself as it does in the least squares without the constraint.
    np.fill_diagonal(model, 0.0 if split.seen == "exclude_all" else 1.0)
    return matrix[split.rows] @ model


def item_knn(split, weights, similarity, neighbours):
    models = {"cosine": implicit.nearest_neighbours.CosineRecommender,
              "tfidf": implicit.nearest_neighbours.TFIDFRecommender,
              "bm25": implicit.nearest_neighbours.BM25Recommender}
    matrix, model = weighted(split, weights), models[similarity](K=neighbours, num_threads=2)
    warnings.simplefilter("ignore", implicit.utils.ParameterWarning)
    model.fit(matrix, show_progress=False)
    return (matrix[split.rows] @ model.similarity).toarray()


def als(split, weights, factors, regularization, alpha, sweeps=15, seed=1):
    matrix = weighted(split, weights)
    matrix.data = 1 + alpha * matrix.data
    model = implicit.als.AlternatingLeastSquares(
        factors=factors, regularization=regularization, alpha=1.0, iterations=sweeps, use_cg=True, num_threads=2,
        random_state=seed, calculate_training_loss=False)
    model.fit(matrix, show_progress=False)
    return model.user_factors[split.rows] @ model.item_factors.T


def popularity(split, last_share):
    times = split.train["time"].to_numpy()
    recent = times >= np.quantile(times, 1 - last_share)
    counts = np.bincount(split.columns[recent], minlength=len(split.item_row))
    return np.tile(counts, (len(split.rows), 1))


def grids(weights):
    """What is tried of each peer."""
    return {
        "ease": (ease, {"weights": weights, "regularization": [100, 300, 1000, 3000, 10_000, 30_000, 100_000, 300_000]}),
        "item_knn": (item_knn, {"weights": weights, "similarity": ["cosine", "tfidf", "bm25"],
                                "neighbours": [50, 200, 500, 2000]}),
        "als": (als, {"weights": weights, "factors": [64, 128], "regularization": [10.0, 50.0, 200.0, 500.0],
                      "alpha": [1.0, 5.0, 20.0]}),
        "popularity": (popularity, {"last_share": [0.02, 0.05, 0.1, 0.2, 0.5, 1.0]}),
    }


def tuned(validation, test, weights):
    """Each peer with the settings that have the highest NDCG@20 on the validation split, on the test split."""
    for name, (peer, grid) in grids(weights).items():
        trials = [dict(zip(grid, values)) for values in itertools.product(*grid.values())]
        figures = [validation.measure(peer(validation, **settings)) for settings in trials]
        best = max(range(len(trials)), key=lambda at: figures[at][1])
        yield name, trials[best], figures[best], test.measure(peer(test, **trials[best]))
