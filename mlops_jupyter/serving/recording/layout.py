"""The columns of a capture: one layout per version of a model.

There is one row per record of a request, numbered from 0; a request that was refused is one row 0 without
features, so the rows 0 are the requests. First come the columns of the request (`REQUEST`), then the features
by their names, then ``prediction`` and one ``score.LABEL`` per class; a model with several outputs has
``prediction.OUTPUT`` and ``score.OUTPUT.LABEL``. The names of all others stand fast: it is a feature of the
same name that is renamed, to ``feature.NAME``. What a column is stands in its field's metadata as well
(``mlops.role``, ``mlops.name``), so nobody has to guess.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ..answers import label_key
from ..columns import Column, read_column
from ..runtimes.prediction import gives_probabilities

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    import pyarrow as pa

    from ..options import Options
    from ..router import Contract

Part = Literal["request", "feature", "prediction", "score"]
Treatment = Literal["plain", "masked", "hashed"]

_TYPES = {
    "boolean": "bool",
    "integer": "int32",
    "long": "int64",
    "float": "float",
    "double": "double",
    "string": "string",
    "datetime": "timestamp[us]",
}
UTC = "timestamp[us, tz=UTC]"
_RENAMED = "feature."
_WIDER = {"uint32": "int64", "uint64": "uint64"}  # what the type of the schema does not hold


@dataclass(frozen=True)
class Captured:
    """One column of a capture.

    Parameters
    ----------
    column : str
        Its name in the files.
    part : str
        ``request``, ``feature``, ``prediction`` or ``score``.
    name : str
        What the schema calls it: the feature, the output, or the label.
    type : str
        Its Arrow type.
    treatment : str
        Whether its values are kept as they are (``plain``), not at all, or as keyed hashes.
    """

    column: str
    part: Part
    name: str
    type: str
    treatment: Treatment = "plain"


REQUEST = tuple(
    Captured(name, "request", name, type_)
    for name, type_ in (
        ("prediction_id", "string"),
        ("row", "int32"),
        ("unit", "string"),
        ("time", UTC),
        ("variant", "string"),
        ("version", "string"),
        ("status", "int16"),
        ("latency", "double"),
        ("error", "string"),
    )
)


@dataclass(frozen=True)
class Layout:
    """The columns of one version's capture.

    Parameters
    ----------
    features : tuple of Captured
        In the order of the schema.
    predictions : tuple of Captured
        One per output.
    scores : tuple of tuple of Captured
        One per class, for each output; empty without probabilities.
    unit : str
        How the unit is treated: as the column that it comes from.
    """

    features: tuple[Captured, ...]
    predictions: tuple[Captured, ...]
    scores: tuple[tuple[Captured, ...], ...]
    unit: Treatment = "plain"

    @property
    def columns(self) -> tuple[Captured, ...]:
        """All of them, in the order of the files."""
        scores = (score for output in self.scores for score in output)
        return (*REQUEST, *self.features, *self.predictions, *scores)

    @property
    def secretive(self) -> bool:
        """Whether some values must not be found in the files."""
        return any(feature.treatment != "plain" for feature in self.features) or self.unit != "plain"


def make_layout(contract: Contract, options: Options) -> Layout:
    """Return the columns that are captured of a version.

    Parameters
    ----------
    contract : Contract
        Its schema.
    options : Options
        Which columns are masked or hashed; a name that this version does not have says nothing.

    Examples
    --------
    >>> from ..options import Options
    >>> from ..router import Contract
    >>> column = {"name": "status", "type": "double", "dtype": "float64"}
    >>> output = {"outputs": [{"name": "late", "type": "long", "classes": [0, 1]}], "probabilities": True}
    >>> layout = make_layout(Contract("m", {"input": {"columns": [column]}, "output": output}, {}), Options())
    >>> [each.column for each in layout.columns[9:]]
    ['feature.status', 'prediction', 'score.0', 'score.1']
    """
    taken = {column.column for column in REQUEST}
    predictions, scores = _results(contract.schema, taken)
    features = tuple(
        Captured(_feature_name(column.name, taken), "feature", column.name, *_kept(column, options))
        for column in map(read_column, contract.schema["input"]["columns"])
    )
    return Layout(features, predictions, scores, unit_treatment(options))


def treatment_of(name: str, options: Options) -> Treatment:
    """Return how the values of a feature are kept."""
    if name in options.capture_masked:
        return "masked"
    return "hashed" if name in options.capture_hashed else "plain"


@functools.cache
def arrow_type(name: str) -> pa.DataType:
    """Return the Arrow type of a name in `Captured.type`."""
    import pyarrow as pa

    return pa.timestamp("us", "UTC") if name == UTC else pa.type_for_alias(name)


def arrow_schema(columns: Iterable[Captured], about: dict[str, str]) -> pa.Schema:
    """Return the schema of the files, `about` in its metadata."""
    import pyarrow as pa

    fields = [pa.field(each.column, arrow_type(each.type), metadata=_described(each)) for each in columns]
    return pa.schema(fields, metadata={f"mlops.{key}": value for key, value in about.items()})


def _described(captured: Captured) -> dict[str, str]:
    described = {"mlops.role": captured.part, "mlops.name": captured.name}
    return described if captured.treatment == "plain" else described | {"mlops.kept": captured.treatment}


def _kept(column: Column, options: Options) -> tuple[str, Treatment]:
    treatment = treatment_of(column.name, options)
    if treatment == "hashed":
        return "string", treatment
    if column.type == "datetime" and column.zoned:
        return UTC, treatment
    return _WIDER.get(column.dtype.lower(), _TYPES[column.type]), treatment


def unit_treatment(options: Options) -> Treatment:
    """Return how the unit is kept; where routing hashes a feature, as that feature."""
    kind, _, name = options.unit.partition(":")
    return treatment_of(name, options) if kind == "field" else "plain"


def _results(
    schema: dict[str, Any], taken: set[str]
) -> tuple[tuple[Captured, ...], tuple[tuple[Captured, ...], ...]]:
    outputs = schema["output"]["outputs"]
    ends = [f".{output['name']}" if len(outputs) > 1 else "" for output in outputs]
    predictions = tuple(
        Captured(_free(f"prediction{end}", taken), "prediction", output["name"], _type_of(output))
        for output, end in zip(outputs, ends, strict=True)
    )
    if not gives_probabilities(schema):
        return predictions, ()
    scores = tuple(
        tuple(
            Captured(_free(f"score{end}.{label_key(label)}", taken), "score", label_key(label), "double")
            for label in output["classes"] or ()
        )
        for output, end in zip(outputs, ends, strict=True)
    )
    return predictions, scores


def _type_of(output: dict[str, Any]) -> str:
    return _TYPES.get(output["type"], "string")  # a model of another library may answer what has no type here


def _feature_name(name: str, taken: set[str]) -> str:
    renamed = name
    while renamed in taken:
        renamed = f"{_RENAMED}{renamed}"
    taken.add(renamed)
    return renamed


def _free(name: str, taken: set[str]) -> str:
    """Return a name that nothing else has; two outputs and their labels can be written alike."""
    free = _first_free(name, taken)
    taken.add(free)
    return free


def _first_free(name: str, taken: Collection[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free
