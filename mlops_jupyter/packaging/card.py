"""The model card: README.md of a package, written from what is known and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jinja2

_TEMPLATES = Path(__file__).with_name("templates")
_COLUMNS_SHOWN = 60
_CATEGORIES_SHOWN = 8
_EXAMPLE_COLUMNS = 60
_TASKS = {
    "classification": "A classifier",
    "regression": "A regressor",
    "clustering": "A clusterer",
    "outliers": "An outlier detector",
    "prediction": "A model",
}


def render_card(manifest: dict[str, Any], schema: dict[str, Any], facts: dict[str, Any]) -> str:
    """Return README.md.

    Parameters
    ----------
    manifest : dict
        What MANIFEST.json says beside its files.
    schema : dict
        The feature schema.
    facts : dict
        ``estimator``, ``serving`` (the serving configuration), ``example`` (one record as JSON holds it),
        ``notes``.
    """
    serving, metrics = facts["serving"], manifest["metrics"]
    columns = schema["input"]["columns"]
    return render(
        "README.md.j2",
        model=manifest["model"],
        version=manifest["version"],
        version_reason=manifest["version_reason"],
        created=manifest["created"],
        git=manifest["git"],
        estimator=facts["estimator"],
        format=manifest["format"],
        threshold=serving["threshold"],
        positive=serving["positive"],
        python_version=manifest["python"],
        sentence=_sentence(schema),
        data_sentence=_data_sentence(manifest["data"]),
        metrics=metrics,
        unmeasured=facts["unmeasured"],
        slices=metrics["slices"],
        slice_metrics=_slice_metrics(metrics),
        input_sentence=_input_sentence(schema["input"]),
        columns=columns[:_COLUMNS_SHOWN] if schema["input"]["kind"] == "columns" else [],
        more_columns=max(0, len(columns) - _COLUMNS_SHOWN),
        output_sentence=_output_sentence(schema["output"]),
        limits=_limits(manifest, facts["notes"]),
        example_json=_example(facts["example"]),
        example_python=repr({"features": facts["example"]}),
    )


def render(template: str, **context: Any) -> str:
    """Return a template of the package's files, filled."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters.update(number=_number, cell=_cell, seen=_seen)
    loaded: jinja2.Template = environment.get_template(template)
    return loaded.render(**context)


def _sentence(schema: dict[str, Any]) -> str:
    output = schema["output"]
    names = ", ".join(f"`{entry['name']}`" for entry in output["outputs"])
    count = len(schema["input"]["columns"])
    taken = "a text" if schema["input"]["kind"] == "text" else f"{count} column{'s' * (count != 1)}"
    return f"{_TASKS[output['task']]} of {names} from {taken}."


def _data_sentence(data: dict[str, Any]) -> str:
    said = [
        f"{rows['rows']:,} rows by {rows['columns']} columns to {name} (fingerprint `{rows['fingerprint']}`)"
        for name, rows in data.items()
        if rows
    ]
    return ", ".join(said)


def _slice_metrics(metrics: dict[str, Any]) -> list[str]:
    usual = ("accuracy", "precision", "recall", "f1", "roc_auc", "r2", "mae", "rmse")
    return [name for name in usual if name in metrics["values"]]


def _input_sentence(taken: dict[str, Any]) -> str:
    names = [column["name"] for column in taken["columns"]]
    ends = f"`{names[0]}` … `{names[-1]}`" if names else ""
    return {
        "columns": "A record with these columns by name, or a list of records, or one list for each column.",
        "matrix": f"A list of {len(names)} values in order, a record of {ends}, or many of them.",
        "sparse": f"A record of those of {ends} that are not zero, or many of them.",
        "text": "A text, or a list of texts.",
    }[taken["kind"]]


def _output_sentence(output: dict[str, Any]) -> str:
    lines = []
    for entry in output["outputs"]:
        classes = f": one of {_some(entry['classes'])}" if entry["classes"] else ""
        lines.append(f"* `{entry['name']}` ({entry['type']}){classes}")
    if output["probabilities"]:
        lines.append("* with the probability of each class and the confidence in the answer")
    return "\n".join(lines)


def _limits(manifest: dict[str, Any], notes: tuple[str, ...]) -> list[str]:
    found = ["It knows only what its training data showed; outside the ranges above it extrapolates."]
    if manifest["metrics"]["on"] != "test data":
        found.append("It was not measured on data it had not seen.")
    if not manifest["metrics"]["slices"]:
        found.append("It was not measured by group.")
    if manifest["git"] and manifest["git"]["dirty"]:
        found.append("It was packaged from a working folder with uncommitted changes.")
    return [*found, *(f"{note[0].upper()}{note[1:]}." for note in notes)]


def _example(record: Any) -> str:
    return json.dumps({"features": record}, ensure_ascii=False)


def _some(values: list[Any]) -> str:
    shown = ", ".join(f"`{value}`" for value in values[:_CATEGORIES_SHOWN])
    more = len(values) - _CATEGORIES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _number(value: float | None) -> str:
    """Return a metric with three significant digits."""
    return "" if value is None else f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def _cell(value: Any) -> str:
    """Return a value as it may stand in a table of Markdown."""
    return str(value).replace("|", "\\|").replace("\n", " ").replace("`", "'")


def _seen(column: dict[str, Any]) -> str:
    if column["categories"]:
        return _some([_cell(category) for category in column["categories"]])
    if column["minimum"] is not None:
        return f"{_number(column['minimum'])} to {_number(column['maximum'])}"
    return ""
