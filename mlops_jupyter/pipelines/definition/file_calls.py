"""Which calls read or write a file, and which of their arguments is its path."""

from __future__ import annotations

import ast
from typing import Final, Literal, TypeAlias

Use: TypeAlias = Literal["reads", "writes"]

NO_FILES: Final = frozenset(
    {
        "read_sql",
        "read_sql_query",
        "read_sql_table",
        "read_html",
        "read_clipboard",
        "read_gbq",
        "read_database",
    }
)
NOT_WRITTEN: Final = frozenset(
    {
        "to_dict",
        "to_list",
        "to_numpy",
        "to_frame",
        "to_datetime",
        "to_numeric",
        "to_timedelta",
        "to_sql",
        "to_gbq",
    }
    | {
        "to_clipboard",
        "to_string",
        "to_period",
        "to_timestamp",
        "to_device",
        "to_pandas",
        "to_arrow",
        "to_categorical",
    }
)
READ_AT_FIRST: Final = frozenset({"loadtxt", "genfromtxt", "imread", "load_model", "load_svmlight_file"})
WRITTEN_AT_FIRST: Final = frozenset(
    {"save", "savez", "savez_compressed", "savetxt", "savefig", "imsave", "save_model"}
)
WRITTEN_AT_SECOND: Final = frozenset({"write_table", "write_dataset", "write_feather", "dump"})
PATH_WORDS: Final = frozenset(
    {
        "path",
        "filepath",
        "filepath_or_buffer",
        "path_or_buf",
        "io",
        "file",
        "source",
        "where",
        "fname",
        "filename",
    }
    | {"base_dir", "excel_writer", "buf"}
)
OF_PATHS: Final[dict[str, Use]] = {
    "read_text": "reads",
    "read_bytes": "reads",
    "write_text": "writes",
    "write_bytes": "writes",
}


def file_use(name: str) -> tuple[Use, int] | None:
    """Return what a function or method does with a file, and which argument names it.

    Parameters
    ----------
    name : str
        The last part of what is called: ``read_csv`` of ``pd.read_csv``.

    Examples
    --------
    >>> file_use("read_parquet"), file_use("to_csv"), file_use("dump"), file_use("fit")
    (('reads', 0), ('writes', 0), ('writes', 1), None)
    """
    if name in WRITTEN_AT_SECOND:
        return "writes", 1
    if name in WRITTEN_AT_FIRST or (name.startswith(("to_", "write_", "sink_")) and name not in NOT_WRITTEN):
        return "writes", 0
    if name in READ_AT_FIRST | {"load"} or (name.startswith(("read_", "scan_")) and name not in NO_FILES):
        return "reads", 0
    return None


def path_argument(call: ast.Call, position: int) -> ast.expr | None:
    """Return the argument that names the file, by its place or by its name."""
    by_name = next((word.value for word in call.keywords if word.arg in PATH_WORDS), None)
    return by_name or (call.args[position] if position < len(call.args) else None)


def opened_to(call: ast.Call, position: int) -> Use:
    """Return whether a file is opened to be read or to be written, ``open(path, "w")``."""
    mode = next((word.value for word in call.keywords if word.arg == "mode"), None)
    mode = mode or (call.args[position] if position < len(call.args) else None)
    said = mode.value if isinstance(mode, ast.Constant) and isinstance(mode.value, str) else "r"
    return "writes" if set(said) & set("wax+") else "reads"
