"""Shared by all tests: a workspace of their own, and no silent skips in CI."""

from __future__ import annotations

import os
import signal

import pytest

NOTHING_SKIPS = os.environ.get("MLOPS_NOTHING_SKIPS") == "1"


def pytest_configure():
    """Heed Ctrl-C, as does what is started here: what a shell runs in the background ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def private_workspace(tmp_path_factory: pytest.TempPathFactory):
    """No test touches the workspace of whoever runs it."""
    patch = pytest.MonkeyPatch()
    patch.setenv("MLOPS_HOME", str(tmp_path_factory.mktemp("home") / "mlops"))
    patch.delenv("MLFLOW_TRACKING_URI", raising=False)
    yield
    patch.undo()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """In CI everything a test needs is there, so a skip is a failure."""
    report = yield
    if NOTHING_SKIPS and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be skipped: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):
    report = yield
    if NOTHING_SKIPS and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid} skipped where nothing may be skipped: {report.longrepr}"
    return report
