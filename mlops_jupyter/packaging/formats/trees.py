"""Trees in ONNX, exact to the last bit of every split.

skl2onnx writes thresholds as float32, which moves every row that lies on a split. The `TreeEnsemble` operator
of ai.onnx.ml 5 compares in double precision, so thresholds, missing values and categories are those of
scikit-learn. Trees that scikit-learn grows on float32 features (all but HistGradientBoosting) see the same
rounding in the graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn import ensemble, tree

from .encoders import encoded, single_columns
from .notation import ML, Graph, Tensor, classifier, labelled, regressor

if TYPE_CHECKING:
    from numpy.typing import NDArray

MEMBER, SUM = 6, 1  # numbers of the operator's definition; 0 is "less or equal"
MOST_NODES = 2_000_000  # beyond it a graph takes longer to load than it is worth
_ROW = [("mode", np.uint8), ("feature", np.int64), ("split", np.float64), ("missing", np.int64)] + [
    (name, np.int64) for name in ("true", "true_leaf", "false", "false_leaf")
]


@dataclass(frozen=True)
class Nodes:
    """One tree as arrays over its nodes; `sets` holds the categories that go left, None for a number."""

    left: NDArray[Any]
    right: NDArray[Any]
    feature: NDArray[Any]
    threshold: NDArray[Any]
    missing_left: NDArray[Any]
    leaf: NDArray[Any]
    sets: list[list[int]] | None = None


def from_tree(grown: Any, features: Any = None) -> Nodes:
    """Return the nodes of ``estimator.tree_``; `features` are the numbers of the columns it was given."""
    left, right = grown.children_left, grown.children_right
    feature = np.maximum(grown.feature, 0)
    return Nodes(
        left,
        right,
        feature if features is None else np.asarray(features)[feature],
        grown.threshold,
        np.asarray(grown.missing_go_to_left) != 0,
        left == right,
    )


class Forest:
    """Collects trees into the attributes of one `TreeEnsemble` node."""

    def __init__(self) -> None:
        self._inner: list[NDArray[Any]] = []
        self._roots: list[int] = []
        self._targets: list[NDArray[Any]] = []
        self._weights: list[NDArray[np.float64]] = []
        self._members: list[float] = []
        self._size = self._leaves = 0

    def add(self, nodes: Nodes, weights: Any, target: int) -> None:
        """Add one tree whose leaf at node i gives ``weights[i]`` to a target."""
        inner, leaf = np.flatnonzero(~nodes.leaf), np.flatnonzero(nodes.leaf)
        self._roots.append(self._size)
        number = np.empty(len(nodes.leaf), dtype=np.int64)
        number[inner] = self._size + np.arange(len(inner))
        number[leaf] = self._leaves + np.arange(len(leaf))
        self._inner.append(self._rows(nodes, inner, number) if len(inner) else self._stump())
        self._size += max(1, len(inner))
        self._leaves += len(leaf)
        self._targets.append(np.full(len(leaf), target))
        self._weights.append(np.asarray(weights, dtype=np.float64)[leaf])
        if self._size > MOST_NODES:
            raise NotImplementedError(f"ONNX would need more than {MOST_NODES:,} nodes")

    def _rows(self, nodes: Nodes, inner: NDArray[Any], number: NDArray[Any]) -> NDArray[Any]:
        rows = np.zeros(len(inner), dtype=_ROW)
        left, right = nodes.left[inner], nodes.right[inner]
        rows["feature"], rows["split"] = nodes.feature[inner], nodes.threshold[inner]
        rows["true"], rows["true_leaf"] = number[left], nodes.leaf[left]
        rows["false"], rows["false_leaf"] = number[right], nodes.leaf[right]
        rows["missing"] = nodes.missing_left[inner]
        sets = nodes.sets or []
        for row, node in enumerate(inner) if sets else ():
            if members := sets[node]:
                rows["mode"][row] = MEMBER
                self._members.extend([*map(float, members), np.nan])
        return rows

    def _stump(self) -> NDArray[Any]:
        """Return a node whose both sides are the one leaf: the operator wants a node above every leaf."""
        rows = np.zeros(1, dtype=_ROW)
        rows["true"] = rows["false"] = self._leaves
        rows["true_leaf"] = rows["false_leaf"] = 1
        return rows

    def write(self, graph: Graph, x: Tensor, targets: int) -> Tensor:
        """Return the sums, of shape (rows, targets)."""
        from onnx.numpy_helper import from_array

        rows = np.concatenate(self._inner)
        attributes: dict[str, Any] = {
            "tree_roots": self._roots,
            "nodes_modes": from_array(rows["mode"].copy(), "modes"),
            "nodes_featureids": rows["feature"].tolist(),
            "nodes_splits": from_array(rows["split"].copy(), "splits"),
            "nodes_truenodeids": rows["true"].tolist(),
            "nodes_trueleafs": rows["true_leaf"].tolist(),
            "nodes_falsenodeids": rows["false"].tolist(),
            "nodes_falseleafs": rows["false_leaf"].tolist(),
            "nodes_missing_value_tracks_true": rows["missing"].tolist(),
            "leaf_targetids": np.concatenate(self._targets).tolist(),
            "leaf_weights": from_array(np.concatenate(self._weights), "weights"),
        }
        if self._members:
            attributes["membership_values"] = from_array(np.array(self._members), "members")
        return graph(
            "TreeEnsemble",
            x,
            domain=ML,
            version=3,  # 5 in truth: see graph.convert
            n_targets=targets,
            aggregate_function=SUM,
            post_transform=0,
            **attributes,
        )


def as_float32(x: Tensor) -> Tensor:
    """Round as scikit-learn rounds before its trees see a feature."""
    return x.to("FLOAT").to("DOUBLE")


def leaf_tables(graph: Graph, x: Tensor, grown: list[Any], tables: list[Any]) -> Tensor:
    """Return the row of its table that each tree's leaf stands for, of shape (rows, trees, width)."""
    forest, start = Forest(), 0
    for target, (one, table) in enumerate(zip(grown, tables, strict=True)):
        forest.add(from_tree(one), start + np.arange(len(table)), target)
        start += len(table)
    leaves = forest.write(graph, as_float32(x), len(grown)).to("INT64")
    return graph.rows_of(np.concatenate(tables), leaves)


def _members(model: Any) -> list[Any]:
    return [e.tree_ for e in np.ravel(model.estimators_)] if hasattr(model, "estimators_") else [model.tree_]


@classifier(
    tree.DecisionTreeClassifier,
    tree.ExtraTreeClassifier,
    ensemble.RandomForestClassifier,
    ensemble.ExtraTreesClassifier,
)
def votes(graph: Graph, model: Any, x: Tensor) -> Tensor | list[Tensor]:
    """Average the class frequencies of the leaves."""
    grown = _members(model)
    tables = [t.value.reshape(t.node_count, -1) for t in grown]
    mean = leaf_tables(graph, x, grown, tables).sum(axis=1, keepdims=False) / float(len(grown))
    if model.n_outputs_ == 1:
        return mean
    width = tables[0].shape[1] // model.n_outputs_
    return [mean.columns(np.arange(width) + i * width) for i in range(model.n_outputs_)]


@regressor(
    tree.DecisionTreeRegressor,
    tree.ExtraTreeRegressor,
    ensemble.RandomForestRegressor,
    ensemble.ExtraTreesRegressor,
)
def mean_leaf(graph: Graph, model: Any, x: Tensor) -> Tensor:
    """Average the values of the leaves."""
    grown = _members(model)
    if model.n_outputs_ > 1:
        tables = [t.value.reshape(t.node_count, -1) for t in grown]
        return leaf_tables(graph, x, grown, tables).sum(axis=1, keepdims=False) / float(len(grown))
    forest = Forest()
    for one in grown:
        forest.add(from_tree(one), one.value.ravel(), 0)
    return forest.write(graph, as_float32(x), 1) / float(len(grown))


def _boosted(graph: Graph, model: Any, x: Tensor) -> Tensor:
    """Return the raw scores of GradientBoosting, of shape (rows, trees per stage)."""
    from sklearn.dummy import DummyClassifier, DummyRegressor

    if not isinstance(model.init_, str | DummyClassifier | DummyRegressor):
        raise NotImplementedError(f"ONNX has no converter for init={type(model.init_).__name__}")
    forest = Forest()
    for stage in model.estimators_:
        for target, member in enumerate(stage):
            forest.add(from_tree(member.tree_), model.learning_rate * member.tree_.value.ravel(), target)
    start = model._raw_predict_init(np.zeros((1, model.n_features_in_), dtype=np.float32))
    return forest.write(graph, as_float32(x), model.estimators_.shape[1]) + np.asarray(
        start, dtype=np.float64
    )


def _probabilities(graph: Graph, raw: Tensor, loss: str) -> Tensor:
    if "Multinomial" in loss:
        return graph("Softmax", raw, axis=1)
    if "Exponential" in loss:
        raw = raw * 2.0
    elif "Binomial" not in loss:
        raise NotImplementedError(f"ONNX has no converter for the loss {loss}")
    yes = graph("Sigmoid", raw)
    return graph.concat([1.0 - yes, yes])


@classifier(ensemble.GradientBoostingClassifier)
def boosted_classes(graph: Graph, model: Any, x: Tensor) -> Tensor:
    """Sum the stages, then the loss's link."""
    return _probabilities(graph, _boosted(graph, model, x), type(model._loss).__name__)


@regressor(ensemble.GradientBoostingRegressor)
def boosted_value(graph: Graph, model: Any, x: Tensor) -> Tensor:
    """Sum the stages."""
    return _boosted(graph, model, x)


def histogram_nodes(predictor: Any) -> Nodes:
    """Return the nodes of one predictor of HistGradientBoosting; its splits are double already."""
    nodes = predictor.nodes
    categorical = nodes["is_categorical"] != 0
    sets = [_left_categories(predictor, node) if node["is_categorical"] else [] for node in nodes]
    return Nodes(
        nodes["left"].astype(np.int64),
        nodes["right"].astype(np.int64),
        nodes["feature_idx"].astype(np.int64),
        # a category that no set holds goes right, as nothing is below minus infinity
        np.where(categorical, -np.inf, nodes["num_threshold"]),
        nodes["missing_go_to_left"] != 0,
        nodes["is_leaf"] != 0,
        sets,
    )


def _left_categories(predictor: Any, node: Any) -> list[int]:
    bits = predictor.raw_left_cat_bitsets[node["bitset_idx"]]
    return [c for c in range(256) if (int(bits[c // 32]) >> (c % 32)) & 1]


def _histogram(graph: Graph, model: Any, inputs: list[Tensor]) -> Tensor:
    """Return the raw scores of HistGradientBoosting, of shape (rows, trees per iteration)."""
    forest = Forest()
    for iteration in model._predictors:
        for target, predictor in enumerate(iteration):
            forest.add(histogram_nodes(predictor), predictor.nodes["value"], target)
    x = _ordered(graph, model, inputs)
    return forest.write(graph, x, model.n_trees_per_iteration_) + np.asarray(
        model._baseline_prediction, dtype=np.float64
    )


def _ordered(graph: Graph, model: Any, inputs: list[Tensor]) -> Tensor:
    """Return the features as the trees know them: categories as numbers and first, the unknown missing."""
    if model._preprocessor is None:
        return graph.concat(inputs)
    columns = [c for tensor in inputs for c in single_columns(tensor)]
    encoder = model._preprocessor.named_transformers_["encoder"]
    categorical = np.flatnonzero(model.is_categorical_)
    coded = encoded(graph, encoder, [columns[i] for i in categorical])
    return graph.concat([coded, *(columns[i] for i in np.flatnonzero(~model.is_categorical_))])


@classifier(ensemble.HistGradientBoostingClassifier, whole=False)
def histogram_classes(graph: Graph, model: Any, inputs: list[Tensor]) -> Tensor:
    """Sum the iterations, then the loss's link."""
    return _probabilities(graph, _histogram(graph, model, inputs), type(model._loss).__name__)


@regressor(ensemble.HistGradientBoostingRegressor, whole=False)
def histogram_value(graph: Graph, model: Any, inputs: list[Tensor]) -> Tensor:
    """Sum the iterations, then the inverse of the loss's link."""
    raw = _histogram(graph, model, inputs)
    return graph("Exp", raw) if type(model._loss.link).__name__ == "LogLink" else raw


@labelled(ensemble.IsolationForest)
def isolated(graph: Graph, model: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    """Average the depth at which a row is alone."""
    from sklearn.ensemble._iforest import _average_path_length

    forest = Forest()
    per_tree = zip(
        model.estimators_,
        model.estimators_features_,
        model._decision_path_lengths,
        model._average_path_length_per_tree,
        strict=True,
    )
    for member, features, paths, average in per_tree:
        forest.add(from_tree(member.tree_, features), paths + average - 1.0, 0)
    depth = forest.write(graph, as_float32(x), 1)
    longest = len(model.estimators_) * float(_average_path_length([model._max_samples])[0])
    score = -(graph.tensor(2.0) ** (-(depth / longest))) - float(model.offset_)
    return graph.where((score < 0.0).reshape(-1), np.array([-1]), np.array([1])), score
