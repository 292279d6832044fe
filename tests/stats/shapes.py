"""Fifteen shapes that a column of numbers can have, those on which peers' profiles break among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    Shape = Callable[[np.random.Generator, int], np.ndarray]


def _spike(rng: np.random.Generator, rows: int) -> np.ndarray:
    return np.where(rng.random(rows) < 0.7, 0.0, rng.exponential(5.0, rows))


def _spikes(rng: np.random.Generator, rows: int) -> np.ndarray:
    return np.where(rng.random(rows) < 0.6, rng.choice([-1.0, 0.0, 99.0], rows), rng.normal(0, 30, rows))


def _one_outlier(rng: np.random.Generator, rows: int) -> np.ndarray:
    values = rng.normal(size=rows)
    values[0] = 1e12
    return values


def _missing(rng: np.random.Generator, rows: int) -> np.ndarray:
    return np.where(rng.random(rows) < 0.1, np.nan, rng.normal(size=rows))


def _infinite(rng: np.random.Generator, rows: int) -> np.ndarray:
    values = rng.normal(size=rows)
    values[: rows // 50] = np.inf
    values[rows // 50 : rows // 25] = -np.inf
    return values


SHAPES: dict[str, Shape] = {
    "normal": lambda rng, rows: rng.normal(size=rows),
    "spike at zero": _spike,
    "three spikes": _spikes,
    "lognormal": lambda rng, rows: rng.lognormal(0, 3, rows),
    "cauchy": lambda rng, rows: rng.standard_cauchy(rows),
    "pareto": lambda rng, rows: rng.pareto(0.5, rows),
    "time stamps": lambda rng, rows: 1.76e9 + np.floor(rng.random(rows) * 86400),
    "narrow and far from zero": lambda rng, rows: 1e6 + 1e-3 * rng.normal(size=rows),
    "an outlier of 1e12": _one_outlier,
    "integers": lambda rng, rows: rng.poisson(3, rows).astype(float),
    "far modes": lambda rng, rows: rng.choice([-1e9, 1e9], rows) + rng.normal(size=rows),
    "subnormal": lambda rng, rows: rng.random(rows) * 1e-310,
    "both ends of float64": lambda rng, rows: (
        rng.choice([-1.0, 1.0], rows) * 10 ** rng.uniform(-300, 300, rows)
    ),
    "missing": _missing,
    "infinite": _infinite,
}
