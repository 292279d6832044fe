"""Estimators of scikit-learn that are not packaged, each with its reason. Every other one is in the zoo."""

from __future__ import annotations

_NO_NEW_ROWS = "labels or embeds the rows it was fitted on; it has no answer for a new row"
_COVARIANCE = "estimates a covariance; it neither predicts nor transforms"
_DICTIONARIES = "takes dictionaries, not a table or texts"
_TARGET = "transforms the target, not the features"
_NEIGHBOUR_GRAPH = "gives a graph of its training rows, for an estimator that takes precomputed distances"

EXCLUDED = {
    "AgglomerativeClustering": _NO_NEW_ROWS,
    "Birch": "a linked list of leaves, which skops does not save; it needs --allow-pickle",
    "ClassicalMDS": _NO_NEW_ROWS,
    "DBSCAN": _NO_NEW_ROWS,
    "DictVectorizer": _DICTIONARIES,
    "EmpiricalCovariance": _COVARIANCE,
    "FeatureHasher": _DICTIONARIES,
    "GraphicalLasso": _COVARIANCE,
    "GraphicalLassoCV": _COVARIANCE,
    "HDBSCAN": _NO_NEW_ROWS,
    "KNeighborsTransformer": _NEIGHBOUR_GRAPH,
    "KernelCenterer": "takes a kernel matrix against its training rows",
    "KernelDensity": "scores the density; it neither predicts nor transforms",
    "LabelBinarizer": _TARGET,
    "LabelEncoder": _TARGET,
    "LedoitWolf": _COVARIANCE,
    "MDS": _NO_NEW_ROWS,
    "MinCovDet": _COVARIANCE,
    "MultiLabelBinarizer": _TARGET,
    "NearestNeighbors": "finds neighbours among its training rows; it neither predicts nor transforms",
    "OAS": _COVARIANCE,
    "OPTICS": _NO_NEW_ROWS,
    "PLSSVD": "transforms the target together with the features, which no pipeline can hold",
    "PatchExtractor": "takes images",
    "RadiusNeighborsTransformer": _NEIGHBOUR_GRAPH,
    "ShrunkCovariance": _COVARIANCE,
    "SpectralBiclustering": _NO_NEW_ROWS,
    "SpectralClustering": _NO_NEW_ROWS,
    "SpectralCoclustering": _NO_NEW_ROWS,
    "SpectralEmbedding": _NO_NEW_ROWS,
    "TSNE": _NO_NEW_ROWS,
}
