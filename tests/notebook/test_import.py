"""`%load_ext mlops_jupyter` brings in none of the heavy libraries."""

import subprocess
import sys

HEAVY = {
    *("fastapi", "matplotlib", "mlflow", "numpy", "pandas"),
    *("papermill", "scipy", "sklearn", "sqlalchemy"),
}
CODE = f"""
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell("%load_ext mlops_jupyter").raise_error()
assert "mlops" in shell.magics_manager.magics["line"]
print("heavy:", *sorted(set({HEAVY!r}) & set(sys.modules)))
"""


def test_load_ext_imports_nothing_heavy_and_says_nothing(workspace):
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "heavy:"
    assert done.stderr == ""
    assert not (workspace / ".mlops").exists()
