"""A forked kernel is like one that starts from nothing: what others did in theirs is not there."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.pipelines.kernels.conftest import Notebooks, Talk

WARM = ("numpy", "matplotlib.pyplot")
DIRTY = """
import atexit, os, random, signal, socket, sys, threading, warnings, logging, builtins
import colorsys, numpy
os.environ["LEAKED"] = "1"
os.chdir("/")
sys.path.insert(0, "/leaked")
warnings.simplefilter("always")
signal.signal(signal.SIGUSR1, lambda *_: None)
logging.getLogger().addHandler(logging.NullHandler())
atexit.register(print)
builtins.leaked = 1
leaked_file, leaked_socket = open("/etc/hostname"), socket.create_server(("127.0.0.1", 0))
threading.Thread(target=threading.Event().wait, daemon=True, name="leaked").start()
random.seed(1); numpy.random.seed(1)
import matplotlib; matplotlib.use("agg")
"""
PORTRAIT = """
import atexit, builtins, gc, json, locale, logging, os, signal, sys, threading, warnings
class Seen(list):
    def __eq__(self, other):
        self.append(other.__qualname__)
        return False
at_exit = Seen()
atexit.unregister(at_exit)
portrait = dict(
    atexit=sorted(at_exit), builtins=sorted(vars(builtins)), cwd=os.getcwd(),
    environment=dict(os.environ), excepthook=sys.excepthook.__qualname__, flags=list(sys.flags),
    gc=[gc.isenabled(), gc.get_threshold()], handlers=[str(each) for each in logging.getLogger().handlers],
    leader=os.getsid(0) == os.getpid() == os.getpgid(0),
    locale=locale.setlocale(locale.LC_ALL),
    mask=sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, []))),
    modules=sorted(sys.modules), names=sorted(name for name in globals() if name[0] != "_"),
    path=sys.path, program=sys.argv[0], recursion=sys.getrecursionlimit(),
    signals={str(each): str(signal.getsignal(each)).split(" at ")[0] for each in signal.valid_signals()},
    threads=sorted(thread.name.split("-")[0] for thread in threading.enumerate()),
    umask=(lambda mask: (os.umask(mask), mask)[1])(os.umask(0)), stdin=os.read(0, 1).decode(),
    warnings=[str(each[:3]) for each in warnings.filters],
)
print(json.dumps(portrait))
"""


@pytest.fixture(scope="module")
def by_hand(fresh: Notebooks) -> dict[str, Any]:
    """What a kernel finds that Jupyter starts, on ports, but for what its debugger has left there."""
    portrait: dict[str, Any] = fresh.read_on_ports(PORTRAIT)
    portrait["atexit"].remove("_close_files")
    for name in ("execfile", "runfile"):
        portrait["builtins"].remove(name)
    del portrait["environment"]["PYDEVD_USE_FRAME_EVAL"]
    return portrait


@pytest.fixture(scope="module")
def after_another(forked: Notebooks) -> dict[str, Any]:
    """What a kernel finds that was forked after another had changed all it could, and while that one ran."""

    async def work(talk: Talk) -> Any:
        assert await talk.run(DIRTY) == ""
        return await forked.talked(lambda other: other.read(PORTRAIT))

    portrait = forked.talk(work)
    portrait["atexit"].remove("IPKernelApp.cleanup_connection_file")  # it has chosen its own sockets
    return portrait


@pytest.mark.parametrize(
    "what",
    [
        "atexit", "builtins", "cwd", "excepthook", "flags", "gc", "handlers", "leader", "locale",
        "mask", "names", "path", "program", "recursion", "signals", "stdin", "threads", "umask", "warnings",
    ],
)  # fmt: skip
def test_a_fork_finds_what_a_kernel_finds_that_starts_from_nothing(
    what: str, by_hand: Any, after_another: Any
):
    assert after_another[what] == by_hand[what]


def test_a_fork_finds_the_environment_it_was_asked_for(by_hand: Any, after_another: Any):
    parent = "JPY_PARENT_PID"
    assert after_another["environment"].pop(parent) != by_hand["environment"].pop(parent)
    assert after_another["environment"] == by_hand["environment"]


def test_a_fork_holds_no_module_that_a_kernel_does_not_import(by_hand: Any, after_another: Any):
    assert set(after_another["modules"]) - set(by_hand["modules"]) == set()


def test_a_fork_lacks_the_debugger_alone(by_hand: Any, after_another: Any):
    code = "import sys; from debugpy.server import api; print(*sys.modules)"
    imported = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lacking = set(by_hand["modules"]) - set(after_another["modules"])
    assert lacking <= {*imported.stdout.split(), "runpy"}  # the latter of python -m


def test_a_fork_can_import_the_debugger(forked: Notebooks):
    assert forked.read("import debugpy; print(int(hasattr(debugpy, 'listen')))") == 1


def test_a_fork_shares_no_open_file_with_what_it_was_forked_from(forked: Notebooks):
    code = """
import json, os
def opened(pid):
    for handle in os.listdir(f"/proc/{pid}/fd"):
        if int(handle) > 2:
            try:
                yield os.readlink(f"/proc/{pid}/fd/{handle}")
            except OSError:
                pass
print(json.dumps([sorted(opened(pid)) for pid in (os.getpid(), os.getppid())]))
"""
    own, parents = map(set, forked.read(code))
    errors = own - {name for name in own if name.startswith(("socket", "pipe", "anon"))}
    assert len(errors) <= 1  # what ipykernel kept of standard error
    assert own & parents <= {name for name in own if name.startswith("anon")} | errors
    assert any(name.startswith("socket") for name in parents)
