"""The names a skops file may bear, by the way they are used (beside the public estimators of scikit-learn).

Each was seen in a fitted estimator of the zoo (`tests/zoo`) and read: none opens a file, runs a command,
evaluates text, imports by name or unpickles. A prefix is never enough, as `sklearn.` alone reaches `os`.
"""

from __future__ import annotations


def _in(module: str, names: str) -> frozenset[str]:
    return frozenset(f"{module}.{name}" for name in names.split())


CONTAINERS = _in("builtins", "dict list tuple set slice bytes bytearray str int float bool") | {
    "collections.OrderedDict",
    "collections.defaultdict",
    "sklearn.utils._bunch.Bunch",
}

NAMED_TUPLES = frozenset({"sklearn.impute._iterative._ImputerTriplet"})

PLAIN_TYPES = _in("builtins", "int float str bool complex bytes list dict tuple set object NoneType") | {
    "collections.OrderedDict",
    "collections.defaultdict",
    "numpy.ndarray",
    *(f"numpy.{kind}" for kind in ("number", "floating", "integer", "inexact", "generic")),
}

OPERATORS = frozenset({"operator.itemgetter"})

NUMPY_OBJECTS = frozenset(
    {
        "numpy.dtype",
        "numpy.ma.MaskedArray",
        "numpy.ma.core.MaskedArray",
        "numpy.random.mtrand.RandomState",
        "numpy.random._generator.Generator",
    }
)

SPARSE = frozenset(
    f"scipy.sparse._{kind}.{kind}_{shape}"
    for kind in ("csr", "csc", "coo", "bsr", "dia", "lil", "dok")
    for shape in ("matrix", "array")
)

CONSTRUCTED = _in("datetime", "datetime date time timedelta timezone") | {"zoneinfo.ZoneInfo"}

FUNCTIONS = (
    _in(
        "numpy",
        "mean median sum std var max min amax amin nan_to_num clip round abs asarray array log1p expm1 sqrt",
    )
    | _in("numpy._core.fromnumeric", "mean sum std var max min amax amin clip round")
    | {
        "scipy._lib.array_api_compat.numpy._aliases.asarray",
        "sklearn.cluster._kmeans._kmeans_single_lloyd",
        "sklearn.cluster._kmeans._kmeans_single_elkan",
        "sklearn.utils.validation.check_array",  # inside HistGradientBoosting with categories
    }
    | _in("sklearn.feature_selection._mutual_info", "mutual_info_classif mutual_info_regression")
    | _in(
        "sklearn.feature_selection._univariate_selection", "chi2 f_classif f_regression f_oneway r_regression"
    )
    | _in(
        "sklearn.metrics._classification",
        "accuracy_score balanced_accuracy_score brier_score_loss cohen_kappa_score f1_score fbeta_score"
        " jaccard_score log_loss matthews_corrcoef precision_score recall_score",
    )
    | _in("sklearn.metrics._ranking", "average_precision_score roc_auc_score top_k_accuracy_score")
    | _in(
        "sklearn.metrics._regression",
        "explained_variance_score max_error mean_absolute_error mean_absolute_percentage_error"
        " mean_squared_error median_absolute_error r2_score root_mean_squared_error",
    )
    | _in(
        "sklearn.metrics.pairwise",
        "cosine_similarity laplacian_kernel linear_kernel polynomial_kernel rbf_kernel",
    )
)

_LOSSES = (
    "AbsoluteError ExponentialLoss HalfBinomialLoss HalfGammaLoss HalfMultinomialLoss HalfPoissonLoss"
    " HalfSquaredError HalfTweedieLoss HalfTweedieLossIdentity HuberLoss PinballLoss"
)
_METRICS = (
    "BrayCurtis Canberra Chebyshev Dice Euclidean Hamming Haversine Jaccard Mahalanobis Manhattan Minkowski"
    " RogersTanimoto RussellRao SEuclidean SokalSneath Yule"  # not PyFunc: it holds a function
)

PRIVATE_CLASSES = (
    _in("sklearn._loss._loss", " ".join(f"Cy{name}" for name in _LOSSES.split()))
    | _in("sklearn._loss.loss", _LOSSES)
    | _in("sklearn._loss.link", "HalfLogitLink IdentityLink Interval LogLink LogitLink MultinomialLogit")
    | _in(
        "sklearn.linear_model._sgd_fast",
        "EpsilonInsensitive Hinge Huber Log ModifiedHuber SquaredEpsilonInsensitive SquaredHinge SquaredLoss",
    )
    | _in("sklearn.calibration", "_CalibratedClassifier _SigmoidCalibration _TemperatureScaling")
    | {
        "scipy.interpolate._bsplines.BSpline",
        "sklearn.cluster._bisect_k_means._BisectingTree",
        "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
        "sklearn.impute._iterative.IterativeImputer",  # experimental, so not among all_estimators()
        "sklearn.compose._column_transformer.make_column_selector",
        "sklearn.multiclass._ConstantPredictor",
    }
    | _in("sklearn.model_selection._search_successive_halving", "HalvingGridSearchCV HalvingRandomSearchCV")
    | _in(
        "sklearn.gaussian_process.kernels",
        "CompoundKernel ConstantKernel DotProduct ExpSineSquared Exponentiation Matern PairwiseKernel Product"
        " RBF RationalQuadratic Sum WhiteKernel",
    )
    | _in("sklearn.metrics._scorer", "_CurveScorer _PassthroughScorer _Scorer")
    | _in(
        "sklearn.metrics._dist_metrics",
        " ".join(f"{m}Distance{s}" for m in _METRICS.split() for s in ("", "32", "64")),
    )
    | _in(
        "sklearn.model_selection._split",
        "GroupKFold GroupShuffleSplit KFold LeaveOneGroupOut LeaveOneOut LeavePGroupsOut LeavePOut"
        " PredefinedSplit RepeatedKFold RepeatedStratifiedKFold ShuffleSplit StratifiedGroupKFold"
        " StratifiedKFold StratifiedShuffleSplit TimeSeriesSplit",
    )
    | _in("sklearn.neighbors._ball_tree", "BallTree BallTree32 BallTree64")
    | _in("sklearn.neighbors._kd_tree", "KDTree KDTree32 KDTree64")
    | _in("sklearn.neural_network._stochastic_optimizers", "AdamOptimizer SGDOptimizer")
    | _in("sklearn.utils._metadata_requests", "MetadataRequest MethodMetadataRequest")
)

# their own formats hold them alone; inside a pipeline they are skops objects with a native byte string
BOOSTERS = (
    _in("xgboost.core", "Booster")
    | _in("xgboost.sklearn", "XGBClassifier XGBRegressor XGBRFClassifier XGBRFRegressor XGBRanker")
    | _in("lightgbm.basic", "Booster")
    | _in("lightgbm.sklearn", "LGBMClassifier LGBMRegressor LGBMRanker")
    | _in("catboost.core", "CatBoost CatBoostClassifier CatBoostRegressor CatBoostRanker")
)
