"""What a forked kernel does by itself: chances of its own, figures, threads, an end that loses nothing."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from mlops_jupyter.pipelines.kernels.forked import ForkedKernel
from mlops_jupyter.pipelines.kernels.supply import Kernels

if TYPE_CHECKING:
    from pathlib import Path

    from tests.pipelines.kernels.conftest import Notebooks, Talk

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux alone")

MODULES = {
    "chancy": "import random\nGENERATOR = random.Random()\nSEEDED = random.Random(7)\n",
    "threaded": "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n",
    "loud": "print('hello')\n",
    "warning": "import warnings\nwarnings.warn('old', UserWarning)\n",
    "asking": "from IPython import get_ipython\nSHELL = get_ipython()\n",
    "setting": "import os\nos.environ['SET_AT_IMPORT'] = '1'\n",
    "wrong": "raise ValueError('not here')\n",
    "plain": "",
}


@pytest.fixture(scope="module")
def with_modules(tmp_path_factory: pytest.TempPathFactory, forked: Notebooks):
    """Kernels that find modules of all kinds, where distributions would be installed."""
    folder = tmp_path_factory.mktemp("modules")
    for name, source in MODULES.items():
        (folder / f"{name}.py").write_text(source)
    patch = pytest.MonkeyPatch()
    patch.setenv("PYTHONPATH", str(folder))
    with Kernels() as kernels:
        environment = dict(os.environ)
        patch.undo()
        yield replace(forked, kernels=kernels, environment=environment)


def test_no_two_forks_have_the_same_chances(with_modules: Notebooks):
    code = """
import chancy, json, numpy, os, random, secrets, uuid
chances = [random.random(), float(numpy.random.rand()), chancy.GENERATOR.random(), str(uuid.uuid4())]
seeded = [chancy.SEEDED.random(), float(numpy.random.RandomState(1).rand())]
print(json.dumps([*chances, secrets.token_hex(), os.urandom(4).hex(), *seeded]))
"""
    one, other = (with_modules.read(code, "numpy", "chancy") for _ in range(2))
    *chances, seeded, legacy = zip(one, other, strict=True)
    assert all(mine != theirs for mine, theirs in chances)
    assert all(mine == theirs for mine, theirs in (seeded, legacy))


def test_what_may_not_be_forked_is_imported_by_the_notebook_alone(with_modules: Notebooks):
    code = f"import json, sys; print(json.dumps([name for name in {sorted(MODULES)} if name in sys.modules]))"
    assert with_modules.read(code, *MODULES) == ["chancy", "plain", "setting"]
    assert (
        with_modules.say("import loud, asking; print(asking.SHELL is not None)", *MODULES) == "hello\nTrue\n"
    )


def test_what_an_import_sets_in_the_environment_stays_set(with_modules: Notebooks):
    code = "import os; print(os.environ['SET_AT_IMPORT'], 'OPENBLAS_NUM_THREADS' in os.environ)"
    assert with_modules.say(code, *MODULES) == "1 False\n"


def test_a_kernel_got_ready_imports_what_may_not_be_forked(with_modules: Notebooks):
    environment = {**with_modules.environment, "MLOPS_STEP_OF_TEST": "later"}
    step = with_modules.step("threaded", "asking")
    with_modules.kernels.prepare(step, with_modules.environment, with_modules.folder)
    code = "import os, sys; print('threaded' in sys.modules, os.environ.get('MLOPS_STEP_OF_TEST'), "
    code += "sys.modules['asking'].SHELL is get_ipython())"
    said = with_modules.say(code, "threaded", "asking", environment=environment)
    assert said == "True later True\n"


def test_a_figure_is_shown_when_pyplot_was_imported_ahead(forked: Notebooks):
    async def work(talk: Talk) -> Any:
        kinds: list[str] = []
        code = "import matplotlib.pyplot as plt; plt.plot([1, 2]);"
        await talk.client.execute_interactive(
            code, timeout=120, output_hook=lambda message: kinds.extend(message["content"].get("data", {}))
        )
        return kinds, await talk.run("import matplotlib; print(matplotlib.get_backend())")

    kinds, backend = forked.talk(work, "matplotlib.pyplot")
    assert "image/png" in kinds
    assert "inline" in backend


@pytest.mark.parametrize("count", ["1", "2"])
def test_linear_algebra_has_the_threads_it_would_have_taken_at_its_import(
    count: str, forked: Notebooks, fresh: Notebooks
):
    code = """
import json, numpy, scipy.linalg, threadpoolctl
print(json.dumps(sorted(each["num_threads"] for each in threadpoolctl.threadpool_info())))
"""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": count}
    threads = forked.read(code, "numpy", "scipy.linalg", environment=environment)
    assert threads == fresh.read(code, environment=environment)


def test_a_module_beside_the_notebook_hides_the_one_that_is_installed(forked: Notebooks, tmp_path: Path):
    (tmp_path / "threadpoolctl.py").write_text("MINE = True\n")
    code = "import threadpoolctl; print(threadpoolctl.MINE)"
    assert forked.say(code, "threadpoolctl", cwd=tmp_path) == "True\n"


def test_an_environment_that_python_reads_at_its_start_has_a_kernel_from_nothing(forked: Notebooks):
    async def work(talk: Talk) -> Any:
        return type(talk.manager.provisioner.process), await talk.run("print(hash('a'))")

    environments = [{**os.environ, "PYTHONHASHSEED": seed} for seed in ("1", "1", "2")]
    kinds, hashes = zip(*(forked.talk(work, environment=each) for each in environments), strict=True)
    assert ForkedKernel not in kinds
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize("never", [True, False])
def test_a_step_that_is_never_to_be_warm_has_a_kernel_from_nothing(never: bool, forked: Notebooks):
    async def work(talk: Talk) -> Any:
        return type(talk.manager.provisioner.process) is ForkedKernel

    assert forked.talk(work, fresh=never) is not never


def test_what_is_still_to_be_written_at_the_end_is_written(forked: Notebooks, tmp_path: Path):
    (tmp_path / "holding.py").write_text("FILE = open('held.txt', 'w')\nFILE.write('held')\n")
    code = """
import atexit, pathlib, threading, time, holding
left_open = open("left.txt", "w"); left_open.write("left")
atexit.register(lambda: pathlib.Path("exit.txt").write_text("exit"))
threading.Thread(target=lambda: (time.sleep(0.2), pathlib.Path("thread.txt").write_text("thread"))).start()
class Last:
    def __del__(self, path=pathlib.Path("last.txt")): path.write_text("last")  # names may be gone by now
last = Last()
"""
    assert forked.say(code, cwd=tmp_path) == ""
    written = {path.stem: path.read_text() for path in tmp_path.glob("*.txt")}
    assert written == {name: name for name in ("exit", "held", "last", "left", "thread")}


@pytest.mark.parametrize(("code", "ended"), [("os._exit(3)", 3), ("os.kill(os.getpid(), 9)", -9)])
def test_how_a_kernel_ended_is_known(code: str, ended: int, forked: Notebooks):
    async def ends() -> tuple[Any, int]:
        manager = forked.manager()
        await manager.start_kernel()
        process = manager.provisioner.process
        client = manager.client()
        client.start_channels()
        await client.wait_for_ready(timeout=120)
        client.execute(f"import os; block = bytearray(200_000_000); {code}")
        while await manager.is_alive():
            await asyncio.sleep(0.01)
        client.stop_channels()
        await manager.shutdown_kernel()
        return process.returncode, process.peak_bytes

    code_seen, peak = asyncio.run(ends())
    assert code_seen == ended
    assert peak > 200_000_000


def test_a_cell_can_be_interrupted(forked: Notebooks):
    async def work(talk: Talk) -> str:
        running = asyncio.ensure_future(talk.run("print('on', flush=True)\nwhile True: pass"))
        while "on" not in "".join(talk.texts):
            await asyncio.sleep(0.01)
        await talk.manager.interrupt_kernel()
        await running
        return await talk.run("print('still here')")

    assert forked.talk(work) == "still here\n"


def test_a_kernel_ends_when_asked_though_warnings_are_errors_in_it(forked: Notebooks):
    async def work(talk: Talk) -> int | None:
        await talk.run("import warnings; warnings.simplefilter('error')")
        process = talk.manager.provisioner.process
        await talk.manager.request_shutdown()
        while await talk.manager.is_alive():
            await asyncio.sleep(0.01)
        return int(process.returncode)

    assert forked.talk(work) == 0


def test_many_start_at_once(forked: Notebooks):
    async def together() -> list[str]:
        return await asyncio.gather(*(forked.talked(lambda talk: talk.run("print(2)")) for _ in range(6)))

    assert asyncio.run(together()) == ["2\n"] * 6


def test_an_active_mlflow_run_stays_in_its_kernel(forked: Notebooks, tmp_path: Path):
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    begin = f"import mlflow; mlflow.set_tracking_uri({uri!r}); print(mlflow.start_run().info.run_id)"
    look = (
        "import json, os, sys; print(json.dumps(['mlflow' in sys.modules, os.environ.get('MLFLOW_RUN_ID')]))"
    )

    async def work(talk: Talk) -> Any:
        begun = await talk.run(begin)
        return begun, await forked.talked(lambda other: other.read(look))

    begun, found = forked.talk(work)
    assert len(begun.strip().splitlines()[-1]) == 32, begun
    assert found == [False, None]  # where MLflow is not loaded, no run of its own is active


def test_json_of_a_request_keeps_names_that_are_no_text(forked: Notebooks):
    environment = {**os.environ, "ODD": os.fsdecode(b"\xff")}
    said = forked.say("import os; print(os.environb[b'ODD'])", environment=environment)
    assert json.loads(json.dumps(said)) == "b'\\xff'\n"
