"""Estimators whose answer is a formula, that skl2onnx lacks or writes in float32."""

# mypy: disable-error-code="no-any-return"
# (a Tensor combined with an attribute of scikit-learn is a Tensor, which mypy cannot see)
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn import (
    cluster,
    covariance,
    cross_decomposition,
    decomposition,
    discriminant_analysis,
    dummy,
    feature_selection,
    kernel_approximation,
    kernel_ridge,
    linear_model,
    mixture,
    naive_bayes,
    neural_network,
    preprocessing,
    random_projection,
    svm,
)

from .notation import Graph, Tensor, classifier, decided, labelled, labels, margins, regressor, transformer

if TYPE_CHECKING:
    from collections.abc import Callable


@margins(linear_model.RidgeClassifier, linear_model.RidgeClassifierCV, svm.LinearSVC)
def line_margin(graph: Graph, model: Any, x: Tensor) -> Tensor:  # noqa: ARG001
    """Return the distance from the plane."""
    return x @ model.coef_.T + np.atleast_1d(model.intercept_)


@decided(linear_model.LogisticRegression, linear_model.LogisticRegressionCV)
def logistic(graph: Graph, model: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return classes and their probabilities; skl2onnx's own takes a third more time for one row."""
    slope, intercept = model.coef_.T.astype(np.float64), np.atleast_1d(model.intercept_)
    if len(model.classes_) > 2:
        margin = x @ slope + intercept
        scores = graph("Softmax", margin, axis=1)
        if model.solver == "liblinear":  # one against the rest, which scikit-learn 1.9 has no more
            alone = graph("Sigmoid", margin)
            scores = alone / alone.sum()
    else:
        margin = x @ np.hstack([-slope, slope]) + np.array([-intercept[0], intercept[0]])
        scores = graph("Sigmoid", margin)
    return labels(graph, model.classes_, margin.argmax()), scores


def squared_distances(x: Tensor, points: Any) -> Tensor:
    """Return squared Euclidean distances to constant points, as scikit-learn expands them."""
    points = np.asarray(points, dtype=np.float64)
    return (x * x).sum() - (x @ points.T) * 2.0 + (points**2).sum(axis=1).reshape(1, -1)


def kernel(graph: Graph, x: Tensor, points: Any, name: str, **parameters: Any) -> Tensor:
    """Return the kernel between rows and constant points."""
    points = points.toarray() if hasattr(points, "toarray") else np.asarray(points)
    gamma = float(parameters["gamma"])
    if name == "rbf":
        return graph("Exp", squared_distances(x, points) * -gamma)
    product = x @ points.T.astype(np.float64)
    formulas: dict[str, Callable[[], Tensor]] = {
        "linear": lambda: product,
        "poly": lambda: (product * gamma + float(parameters["coef0"])) ** float(parameters["degree"]),
        "polynomial": lambda: (product * gamma + float(parameters["coef0"])) ** float(parameters["degree"]),
        "sigmoid": lambda: graph("Tanh", product * gamma + float(parameters["coef0"])),
    }
    if name not in formulas:
        raise NotImplementedError(f"ONNX has no converter for the kernel {name!r}")
    return formulas[name]()


def _support(graph: Graph, model: Any, x: Tensor) -> Tensor:
    between = kernel(
        graph,
        x,
        model.support_vectors_,
        str(model.kernel),
        gamma=model._gamma,
        coef0=model.coef0,
        degree=model.degree,
    )
    return between @ np.asarray(model.dual_coef_, dtype=np.float64).T + model.intercept_


@regressor(svm.SVR, svm.NuSVR)
def support(graph: Graph, model: Any, x: Tensor) -> Tensor:
    """Weigh the kernel with the support vectors."""
    return _support(graph, model, x)


@labelled(svm.OneClassSVM)
def novelty(graph: Graph, model: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    """Tell on which side of the support a row lies."""
    score = _support(graph, model, x)
    return graph.where((score > 0.0).reshape(-1), np.array([1]), np.array([-1])), score


@regressor(kernel_ridge.KernelRidge)
def kernel_line(graph: Graph, model: Any, x: Tensor) -> Tensor:
    """Weigh the kernel with the training rows."""
    gamma = 1.0 / model.n_features_in_ if model.gamma is None else model.gamma
    between = kernel(
        graph, x, model.X_fit_, model.kernel, gamma=gamma, coef0=model.coef0, degree=model.degree
    )
    return between @ model.dual_coef_.reshape(len(model.X_fit_), -1)


@transformer(kernel_approximation.Nystroem)
def nystroem(graph: Graph, model: Any, x: Tensor) -> Tensor:
    """Map the kernel with the landmarks."""
    gamma = 1.0 / model.n_features_in_ if model.gamma is None else model.gamma
    shape = {
        "coef0": 1 if model.coef0 is None else model.coef0,
        "degree": 3 if model.degree is None else model.degree,
    }
    between = kernel(graph, x, model.components_, model.kernel, gamma=gamma, **shape)
    return between @ model.normalization_.T


@transformer(kernel_approximation.RBFSampler)
def random_waves(graph: Graph, model: Any, x: Tensor) -> Tensor:
    """Project on random waves."""
    wave = graph("Cos", x @ model.random_weights_ + model.random_offset_)
    return wave * float(np.sqrt(2.0 / model.n_components))


@transformer(kernel_approximation.SkewedChi2Sampler)
def skewed_waves(graph: Graph, model: Any, x: Tensor) -> Tensor:
    """Project the logarithm on random waves."""
    wave = graph(
        "Cos", graph("Log", x + float(model.skewedness)) @ model.random_weights_ + model.random_offset_
    )
    return wave * float(np.sqrt(2.0 / model.n_components))


@transformer(preprocessing.PolynomialFeatures)
def polynomial(graph: Graph, model: Any, x: Tensor) -> Tensor:
    """Multiply columns; the powers are known, so each term is a product of picked columns."""
    powers = model.powers_
    ones = graph.concat([x, (x.columns([0]) * 0.0) + 1.0])
    highest = int(powers.sum(axis=1).max(initial=0))
    picks = [np.repeat(np.arange(powers.shape[1]), row).tolist() for row in powers]
    padded = np.array([p + [powers.shape[1]] * (highest - len(p)) for p in picks], dtype=np.int64)
    product = ones.columns(padded[:, 0])
    for place in range(1, highest):
        product = product * ones.columns(padded[:, place])
    return product


@transformer(preprocessing.Normalizer)
def normalized(graph: Graph, model: Any, x: Tensor) -> Tensor:
    """Divide each row by its norm; a row of zeros stays."""
    norms: dict[str, Callable[[], Tensor]] = {
        "l1": lambda: graph("Abs", x).sum(),
        "l2": lambda: graph("Sqrt", (x * x).sum()),
        "max": lambda: graph("ReduceMax", graph("Abs", x), np.array([1]), keepdims=1),
    }
    norm = norms[model.norm]()
    return x / graph.where(norm.equals(0.0), 1.0, norm)


@transformer(preprocessing.KBinsDiscretizer)
def bins(graph: Graph, model: Any, x: Tensor) -> Tensor:
    """Count the inner edges below each value."""
    codes = []
    for column, edges in enumerate(model.bin_edges_):
        over = x.columns([column]) >= np.asarray(edges[1:-1]).reshape(1, -1)
        codes.append(over.to("DOUBLE").sum() if len(edges) > 2 else x.columns([column]) * 0.0)
    if model.encode == "ordinal":
        return graph.concat(codes)
    widths = model.n_bins_
    return graph.concat(
        [
            c.equals(np.arange(n, dtype=np.float64).reshape(1, -1)).to("DOUBLE")
            for c, n in zip(codes, widths, strict=True)
        ]
    )


@transformer(preprocessing.SplineTransformer)
def splines(graph: Graph, model: Any, x: Tensor) -> Tensor:
    """Raise the degree step by step, as in the recursion of Cox and de Boor."""
    others = (
        model.knots == "quantile",
        model.degree == 0,
        getattr(model, "handle_missing", "error") != "error",
    )
    if model.extrapolation != "constant" or any(others):
        raise NotImplementedError("ONNX has no converter for SplineTransformer with these parameters")
    degree, blocks = model.degree, []
    for i, spline in enumerate(model.bsplines_):
        t = spline.t
        low, high = float(t[degree]), float(t[-degree - 1])
        value = graph("Min", graph("Max", x.columns([i]), low), high)
        basis = (value >= t[:-1]).to("DOUBLE") * (value < t[1:]).to("DOUBLE")
        for k in range(1, degree + 1):
            first, last = np.arange(len(t) - k - 1), np.arange(1, len(t) - k)
            up = (value - t[first]) / (t[first + k] - t[first])
            down = (value - t[last + k]) / (t[last] - t[last + k])
            basis = up * basis.columns(first) + down * basis.columns(last)
        blocks.append(basis if model.include_bias else basis.columns(np.arange(len(t) - degree - 2)))
    return graph.concat(blocks)


def _yeo_johnson(graph: Graph, x: Tensor, power: float) -> Tensor:
    up = graph("Max", x, 0.0)
    down = graph("Max", -x, 0.0)
    right = graph("Log", up + 1.0) if abs(power) < np.spacing(1.0) else ((up + 1.0) ** power - 1.0) / power
    rest = 2.0 - power
    left = graph("Log", down + 1.0) if abs(rest) < np.spacing(1.0) else ((down + 1.0) ** rest - 1.0) / rest
    return graph.where(x >= 0.0, right, -left)


def _box_cox(graph: Graph, x: Tensor, power: float) -> Tensor:
    return graph("Log", x) if power == 0 else (x**power - 1.0) / power


@transformer(preprocessing.PowerTransformer)
def power(graph: Graph, model: Any, x: Tensor) -> Tensor:
    """Raise each column to its own power, then standardise."""
    formula = _yeo_johnson if model.method == "yeo-johnson" else _box_cox
    columns = [formula(graph, x.columns([i]), float(p)) for i, p in enumerate(model.lambdas_)]
    raised = graph.concat(columns)
    if not model.standardize:
        return raised
    return (raised - model._scaler.mean_) / model._scaler.scale_


UFUNCS: dict[Any, Callable[[Graph, Tensor], Tensor]] = {
    np.log1p: lambda g, x: g("Log", x + 1.0),
    np.expm1: lambda g, x: g("Exp", x) - 1.0,
    np.log: lambda g, x: g("Log", x),
    np.log2: lambda g, x: g("Log", x) / float(np.log(2)),
    np.log10: lambda g, x: g("Log", x) / float(np.log(10)),
    np.exp: lambda g, x: g("Exp", x),
    np.sqrt: lambda g, x: g("Sqrt", x),
    np.abs: lambda g, x: g("Abs", x),
    np.square: lambda _, x: x * x,
    np.sign: lambda g, x: g("Sign", x),
    np.sin: lambda g, x: g("Sin", x),
    np.cos: lambda g, x: g("Cos", x),
    np.tanh: lambda g, x: g("Tanh", x),
    np.reciprocal: lambda _, x: 1.0 / x,
    None: lambda _, x: x,
}


@transformer(preprocessing.FunctionTransformer)
def function(graph: Graph, model: Any, x: Tensor) -> Tensor:
    """Write the functions of NumPy that ONNX has too."""
    known = getattr(model.func, "__hash__", None) is not None and model.func in UFUNCS
    if not known or model.kw_args:
        name = getattr(model.func, "__name__", str(model.func))
        raise NotImplementedError(f"ONNX has no converter for FunctionTransformer({name})")
    return UFUNCS[model.func](graph, x)


@transformer(decomposition.FactorAnalysis)
def factors(graph: Graph, model: Any, x: Tensor) -> Tensor:  # noqa: ARG001
    """Return the mean of the latent variables."""
    weighed = model.components_ / model.noise_variance_
    spread = np.linalg.inv(np.eye(len(model.components_)) + weighed @ model.components_.T)
    return ((x - model.mean_) @ weighed.T) @ spread


@transformer(decomposition.FastICA)
def independent(graph: Graph, model: Any, x: Tensor) -> Tensor:  # noqa: ARG001
    """Unmix."""
    return (x - model.mean_ if hasattr(model, "mean_") else x) @ model.components_.T


@transformer(random_projection.SparseRandomProjection)
def projected(graph: Graph, model: Any, x: Tensor) -> Tensor:  # noqa: ARG001
    """Project."""
    components = model.components_
    return (
        x @ np.asarray(components.toarray() if hasattr(components, "toarray") else components, dtype=float).T
    )


@transformer(neural_network.BernoulliRBM)
def hidden(graph: Graph, model: Any, x: Tensor) -> Tensor:
    """Return the probability of each hidden unit."""
    return graph("Sigmoid", x @ model.components_.T + model.intercept_hidden_)


@regressor(cross_decomposition.CCA, cross_decomposition.PLSCanonical)
def latent_line(graph: Graph, model: Any, x: Tensor) -> Tensor:  # noqa: ARG001
    """Standardise, then a line."""
    return (x - model._x_mean) @ model.coef_.T + model.intercept_


def _zeros(graph: Graph, x: Tensor) -> Tensor:
    """Return a column of zeros, whatever is missing in x."""
    first = x.columns([0])
    return graph.where(first.is_nan(), 0.0, 0.0)


@regressor(dummy.DummyRegressor)
def constant(graph: Graph, model: Any, x: Tensor) -> Tensor:
    """Answer the constant."""
    return _zeros(graph, x) + np.asarray(model.constant_, dtype=np.float64).reshape(1, -1)


@classifier(dummy.DummyClassifier)
def prior(graph: Graph, model: Any, x: Tensor) -> Tensor:
    """Answer the same probabilities for every row."""
    if model.strategy in ("stratified", "uniform") or model.n_outputs_ > 1:
        raise NotImplementedError(f"ONNX has no converter for DummyClassifier({model.strategy!r})")
    return _zeros(graph, x) + np.asarray(model.predict_proba(np.zeros((1, 1))), dtype=np.float64)


@classifier(discriminant_analysis.QuadraticDiscriminantAnalysis)
def quadratic(graph: Graph, model: Any, x: Tensor) -> Tensor:
    """Compare the density of each class."""
    columns = []
    for mean, turn, scale, weight in zip(
        model.means_, model.rotations_, model.scalings_, model.priors_, strict=True
    ):
        away = (x - mean) @ (turn * scale**-0.5)
        columns.append((away * away).sum() * -0.5 + float(np.log(weight) - 0.5 * np.log(scale).sum()))
    return graph("Softmax", graph.concat(columns), axis=1)


@transformer(feature_selection.SequentialFeatureSelector)
def selected(graph: Graph, model: Any, x: Tensor) -> Tensor:  # noqa: ARG001
    """Keep the selected columns."""
    return x.columns(model.get_support(indices=True))


@labelled(cluster.MeanShift, cluster.AffinityPropagation)
def nearest_center(graph: Graph, model: Any, x: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ARG001
    """Return the number of the nearest centre."""
    distances = squared_distances(x, model.cluster_centers_)
    return (-distances).argmax(), distances


@labelled(covariance.EllipticEnvelope)
def envelope(graph: Graph, model: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    """Compare the Mahalanobis distance with the offset."""
    away = x - model.location_
    score = -((away @ model.get_precision()) * away).sum() - float(model.offset_)
    return graph.where((score >= 0.0).reshape(-1), np.array([1]), np.array([-1])), score


@labelled(mixture.GaussianMixture, mixture.BayesianGaussianMixture)
def mixed(graph: Graph, model: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    """Weigh the density of each component; what does not depend on the row is measured at the origin."""
    if model.covariance_type != "full":
        raise NotImplementedError(f"ONNX has no converter for covariance_type={model.covariance_type!r}")
    at_origin = model._estimate_weighted_log_prob(np.zeros((1, model.means_.shape[1])))[0]
    columns = []
    for mean, root, origin in zip(model.means_, model.precisions_cholesky_, at_origin, strict=True):
        away = x @ root - mean @ root
        columns.append((away * away).sum() * -0.5 + float(origin + 0.5 * ((mean @ root) ** 2).sum()))
    scores = graph.concat(columns)
    return scores.argmax(), graph("Softmax", scores, axis=1)


@classifier(naive_bayes.CategoricalNB)
def counted(graph: Graph, model: Any, x: Tensor) -> Tensor:
    """Add the log-probabilities of each category; one below zero is beyond the table, and so refused."""
    total = graph.tensor(model.class_log_prior_.reshape(1, -1))
    for i, known in enumerate(model.feature_log_prob_):
        code = x.columns([i]).to("INT64").reshape(-1)
        code = graph.where(code < 0, np.array(known.shape[1]), code)
        total = graph.rows_of(known.T, code) + total
    return graph("Softmax", total, axis=1)
