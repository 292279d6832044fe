"""The measures as their definitions have them, on raw values: nothing of the package is used here."""

from __future__ import annotations

import itertools

import numpy as np
from scipy.stats import ks_2samp, wasserstein_distance

FLOOR = 1e-4


def bins_of(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the rows in the bins between the reference's deciles, closed on the right; missing last."""
    deciles = np.unique(np.quantile(reference[np.isfinite(reference)], np.arange(1, 10) / 10))
    known = values[~np.isnan(values)]
    counts = [np.sum(known <= deciles[0])]
    counts += [np.sum((known > low) & (known <= high)) for low, high in itertools.pairwise(deciles)]
    return np.array([*counts, np.sum(known > deciles[-1]), len(values) - len(known)])


def psi(reference: np.ndarray, current: np.ndarray) -> float:
    p, q = (bins_of(values, reference) / len(values) for values in (reference, current))
    p, q = np.maximum(p, FLOOR), np.maximum(q, FLOOR)
    return float(np.sum((q - p) * np.log(q / p)))


def jensen_shannon(reference: np.ndarray, current: np.ndarray) -> float:
    p, q = (bins_of(values, reference) / len(values) for values in (reference, current))
    both = (p + q) / 2
    halves = [np.sum(one[one > 0] * np.log2(one[one > 0] / both[one > 0])) for one in (p, q)]
    return float(np.sqrt(max(0.0, sum(halves) / 2)))


def kolmogorov_smirnov(reference: np.ndarray, current: np.ndarray) -> float:
    reference, current = (values[~np.isnan(values)] for values in (reference, current))
    if min(len(reference), len(current)) == 1:  # where scipy divides by 0
        pooled = np.concatenate([reference, current])
        return float(max(abs(np.mean(reference <= at) - np.mean(current <= at)) for at in pooled))
    return float(ks_2samp(reference, current, method="asymp").statistic)


def wasserstein(reference: np.ndarray, current: np.ndarray) -> float:
    """Return the distance of the finite values in the reference's robust standard deviations."""
    reference, current = (values[np.isfinite(values)] for values in (reference, current))
    low, high = np.quantile(reference, [0.25, 0.75])
    return float(wasserstein_distance(reference, current) / ((high - low) / 1.3489795003921634))
