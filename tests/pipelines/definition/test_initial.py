from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mlops_jupyter.errors import ConflictError, UsageError
from mlops_jupyter.pipelines.definition.initial import initial_text, write_initial, written
from mlops_jupyter.pipelines.definition.named_files import named_files
from mlops_jupyter.pipelines.definition.positions import parsed
from mlops_jupyter.pipelines.definition.reading import read_pipeline

patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)
FLIGHTS = Path(__file__).parents[3] / "notebooks" / "pipeline"


@patient
@example({"<<": None})
@given(VALUES)
def test_any_value_reads_back_as_it_was_written(value):
    assert parsed(f"a: {written(value)}", "p.yaml").data == {"a": value}


@pytest.mark.parametrize(
    ("code", "reads", "writes"),
    [
        ("pd.read_csv('a.csv')", ["a.csv"], []),
        ("pl.scan_parquet('a.parquet').sink_parquet('b.parquet')", ["a.parquet"], ["b.parquet"]),
        ("frame.to_parquet(path='b.parquet')", [], ["b.parquet"]),
        ("DATA = Path('data')\npd.read_csv(DATA / 'x' / 'a.csv')", ["data/x/a.csv"], []),
        ("(Path.cwd() / 'a.txt').read_text()", ["a.txt"], []),
        ("Path('out', 'a.txt').write_text('x')", [], ["out/a.txt"]),
        ("with open('a.json') as file:\n    json.load(file)", ["a.json"], []),
        (
            "with open(os.path.join('o', 'a.json'), mode='w') as file:\n    json.dump(x, file)",
            [],
            ["o/a.json"],
        ),
        ("Path('a.bin').open('wb').write(x)", [], ["a.bin"]),
        ("joblib.dump(model, 'm.joblib')\njoblib.load('m.joblib')", [], ["m.joblib"]),
        ("skops.io.load('m.skops', trusted=[])", ["m.skops"], []),
        ("pq.write_table(pq.read_table('a.pq'), 'b.pq')", ["a.pq"], ["b.pq"]),
        ("np.save('x.npy', y); np.loadtxt('y.txt')", ["y.txt"], ["x.npy"]),
        ("plt.savefig('plot.png')", [], ["plot.png"]),
        ("shutil.copy('a', 'b')", ["a"], ["b"]),
        ("for path in Path('raw').glob('*.csv'):\n    pd.read_csv(path)", ["raw/*.csv"], []),
        ("glob.glob('raw/*.csv')", ["raw/*.csv"], []),
        ("pd.read_csv(f'raw/{month}.csv')", ["raw/@param(month).csv"], []),
        ("name = 'a' + '.csv'\npd.read_csv(name)", ["a.csv"], []),
        ("pd.read_csv('https://x.org/a.csv')\npd.read_sql('select 1', c)", [], []),
        ("sys.stdout.write('x')\nrow.to_dict('records')", [], []),
        ("def load(name):\n    return pd.read_csv(Path('a') / 'b.csv')", ["a/b.csv"], []),
        ("pd.read_csv('me@@x.csv')", ["me@@@@x.csv"], []),
    ],
)
def test_files_that_code_names_are_found(code, reads, writes):
    found = named_files([code], ["month"])
    assert (list(found.reads), list(found.writes)) == (reads, writes)


def test_what_is_read_and_then_written_is_told_apart():
    found = named_files(["pd.read_csv('a.csv').dropna().to_csv('a.csv')", "pd.read_csv('a.csv')"])
    assert (found.reads, found.writes, found.changed) == ((), (), ("a.csv",))


def test_a_name_that_is_made_up_while_it_runs_is_told():
    found = named_files(["for day in days:\n    pd.read_csv(f'raw/{day}.csv')"])
    assert (found.reads, found.untold) == ((), ("pd.read_csv(f'raw/{day}.csv')",))


def test_the_file_of_the_flights_is_the_one_that_a_person_wrote(tmp_path):
    for path in FLIGHTS.glob("*.ipynb"):
        shutil.copy(path, tmp_path)
    file = write_initial(sorted(tmp_path.glob("*.ipynb")), tmp_path / "pipeline.yaml")
    made, wanted = read_pipeline(file), read_pipeline(FLIGHTS / "pipeline.yaml")
    told = {step.name: (step.inputs, step.outputs) for step in made.steps}
    assert told == {step.name: (step.inputs, step.outputs) for step in wanted.steps}


def test_what_is_written_is_commented_and_reads_back(project):
    project.notebook(
        "nb/01-ingest.ipynb", "df.to_csv(f'../data/{month}.csv')", parameters="month = 1\nseed = 3"
    )
    project.notebook(
        "nb/02-train.ipynb", "pd.read_csv('../data/1.csv')\npd.read_csv(name)", parameters="seed = 4"
    )
    text = initial_text(sorted((project.folder / "nb").glob("*.ipynb")), project.folder, "my delays")
    assert text.splitlines()[3:] == [
        "name: my-delays",
        "",
        "parameters:  # each step takes those that its notebook has",
        "  month: 1  # ingest",
        "  # seed is 3 in ingest, 4 in train",
        "",
        "steps:",
        "  ingest:",
        "    notebook: nb/01-ingest.ipynb",
        '    outputs: ["data/@param(month).csv"]',
        "",
        "  train:",
        "    notebook: nb/02-train.ipynb",
        "    inputs: [data/1.csv]",
        "    # which file is known only when it runs: pd.read_csv(name)",
        "",
        "# No step reads what another writes: all may run at once; 'after: [NAME]' orders them.",
    ]
    assert project.read(text).step("train").needs == ("ingest",)


def test_notebooks_come_behind_those_that_write_what_they_read(project):
    one = project.notebook("x.ipynb", "pd.read_csv('made.csv')")
    other = project.notebook("y.ipynb", "f.to_csv('made.csv')")
    pipeline = read_pipeline(write_initial([one, other, one], project.folder / "pipeline.yaml"))
    assert [(step.name, step.needs) for step in pipeline.steps] == [("y", ()), ("x", ("y",))]


def test_notebooks_of_one_name_are_called_by_their_folders(project):
    paths = [project.notebook("eu/train.ipynb"), project.notebook("us/train.ipynb")]
    pipeline = read_pipeline(write_initial(paths, project.folder / "pipeline.yaml"))
    assert [step.name for step in pipeline.steps] == ["eu-train", "us-train"]


def test_what_keeps_it_from_running_stands_in_its_first_lines(project):
    paths = [project.notebook(f"{name}.ipynb", "f.to_csv('same.csv')") for name in ("p", "q")]
    text = write_initial(paths, project.folder / "pipeline.yaml").read_text()
    assert text.startswith(
        "# To mend before it runs:\n#   steps.q.outputs.1: 'same.csv' is written by p as well"
    )


def test_what_a_notebook_declares_is_not_written_again(project):
    path = project.notebook("p.ipynb", "%%mlops step --inputs a.csv\npd.read_csv('a.csv').to_csv('b.csv')")
    text = initial_text([path], project.folder, "x")
    assert "inputs: [" not in text
    assert "# it declares its inputs itself" in text
    assert "outputs: [b.csv]" in text


def test_a_file_that_is_there_is_only_written_over_by_force(project):
    file = project.write("steps: {a: a.ipynb}")
    with pytest.raises(ConflictError, match="is there already; --force writes it anew"):
        write_initial([project.folder / "b.ipynb"], file)
    assert file.read_text() == "steps: {a: a.ipynb}"
    write_initial([project.folder / "b.ipynb"], file, force=True)
    assert [step.name for step in read_pipeline(file).steps] == ["b"]


def test_copies_that_jupyter_and_runs_keep_are_no_steps(project):
    path = project.notebook(".ipynb_checkpoints/a-checkpoint.ipynb")
    with pytest.raises(UsageError, match="no notebooks are named"):
        write_initial([path], project.folder / "pipeline.yaml")
