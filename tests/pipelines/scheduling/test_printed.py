from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines.scheduling.on_calendar import on_calendar
from mlops_jupyter.pipelines.scheduling.printed import (
    cron_command,
    cron_fields,
    crontab,
    printed,
    printed_agent,
    units,
)
from mlops_jupyter.pipelines.scheduling.times import Cron, read_cron, times_after
from mlops_jupyter.store.schedules import Schedule
from mlops_jupyter.store.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

SYSTEMD = shutil.which("systemd-analyze")
MOMENT = datetime(2026, 11, 21, 12, tzinfo=UTC)
AWKWARD = {
    "day": "@date(%Y-%m-%d, -1 day)",
    "words": 'it\'s "$HOME" `x` \\ %n; & | é',
    "rows": 3,
    "a": [1, "b"],
}
TELL = "import json, os, sys; print(json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]))"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "a project 100%" / ".mlops")


@pytest.fixture
def nightly(workspace: Workspace) -> Schedule:
    folder = workspace.root.parent
    workspace.root.mkdir(parents=True)
    subject = {"pipeline": "delays", "file": str(folder / "pipeline.yaml"), "parameters": AWKWARD}
    when = ("0 6 * * 1", "Europe/Berlin")
    return Schedule("delays", "pipeline", subject, *when, "run-once", "", sys.executable, MOMENT, None)


def value_of(unit: str, key: str) -> list[str]:
    return [line.partition("=")[2] for line in unit.splitlines() if line.startswith(f"{key}=")]


def elapses(event: str, moment: datetime, count: int) -> list[datetime]:
    """When systemd says that a calendar event is due."""
    asked = [SYSTEMD, "calendar", f"--iterations={count}", f"--base-time={moment:%F %T} UTC", event]
    said = subprocess.run(asked, capture_output=True, text=True, check=True, env={"TZ": "UTC", "LC_ALL": "C"})
    lines = [line.strip().partition(": ") for line in said.stdout.splitlines()]
    times = [time.strip() for what, _, time in lines if what.startswith(("Next elapse", "Iter. #"))]
    return [datetime.strptime(each, "%a %Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC) for each in times]


@pytest.mark.parametrize(
    ("expression", "events"),
    [
        ("0 6 * * 1", ["Mon *-*-* 06:00:00 UTC"]),
        ("* * * * *", ["*-*-* *:*:00 UTC"]),
        ("*/15 8 * * *", ["*-*-* 08:00,15,30,45:00 UTC"]),
        ("0 0 1,15 * *", ["*-*-01,15 00:00:00 UTC"]),
        ("30 2 1 1,7 *", ["*-01,07-01 02:30:00 UTC"]),
        ("0 6 1 * 1", ["*-*-01 06:00:00 UTC", "Mon *-*-* 06:00:00 UTC"]),
        ("0 6 */10 * 0,7", ["Sun *-*-01,11,21,31 06:00:00 UTC"]),
        ("0 6 L * *", ["*-*~01 06:00:00 UTC"]),
        ("0 6 * * 1#2", ["Mon *-*-08..14 06:00:00 UTC"]),
        ("0 6 * * 5L", ["Fri *-*~07/1 06:00:00 UTC"]),
        ("0 6 * * MON-FRI", ["Mon,Tue,Wed,Thu,Fri *-*-* 06:00:00 UTC"]),
        (
            "0 6 LW * *",
            ["Mon..Fri *-*~01 06:00:00 UTC", "Fri *-*~02 06:00:00 UTC", "Fri *-*~03 06:00:00 UTC"],
        ),
    ],
)
def test_systemd_is_due_when_cron_is(expression: str, events: list[str]):
    cron = read_cron(expression, "UTC")
    assert on_calendar(cron) == events
    if SYSTEMD:  # what the events mean is its to say
        found = sorted({at for event in events for at in elapses(event, MOMENT, 6)})
        assert found[:6] == list(islice(times_after(cron, MOMENT), 6))


number = st.one_of(
    st.just("*"), st.sampled_from(["*/7", "*/20", "3-5", "1", "2,4", "5/2"]), st.integers(1, 7).map(str)
)


@settings(deadline=None, max_examples=15)
@given(st.lists(number, min_size=5, max_size=5).map(" ".join))
def test_whatever_the_expression_systemd_agrees(expression: str):
    cron = read_cron(expression, "America/New_York")
    events = on_calendar(cron)
    assert all(event.endswith(" America/New_York") for event in events)
    if SYSTEMD:
        first = min((elapses(event, MOMENT, 1) or [datetime.max.replace(tzinfo=UTC)])[0] for event in events)
        found = next(times_after(cron, MOMENT))
        assume(found < MOMENT + timedelta(days=120))  # before clocks are put forward
        assert first == found


def test_the_timer_makes_up_for_what_was_missed_or_does_not(nightly: Schedule, workspace: Workspace):
    timer = units(nightly, workspace)["mlops-delays.timer"]
    assert value_of(timer, "OnCalendar") == ["Mon *-*-* 06:00:00 Europe/Berlin"]
    assert value_of(timer, "Persistent") == ["true"]
    skipping = units(replace(nightly, missed="skip"), workspace)["mlops-delays.timer"]
    assert value_of(skipping, "Persistent") == ["false"]


def unquoted(text: str) -> list[str]:
    """The words of a command line or setting as systemd takes them apart."""
    words = shlex.shlex(text, posix=True, punctuation_chars=False)
    words.whitespace_split, words.commenters, words.escapedquotes = True, "", '"'
    return [word.replace("%%", "%").replace("$$", "$") for word in words]


def test_the_service_runs_the_pipeline_with_every_parameter_as_it_was_given(
    nightly: Schedule, workspace: Workspace
):
    unit = units(nightly, workspace)["mlops-delays.service"]
    words = unquoted(value_of(unit, "ExecStart")[0])
    assert words[:7] == [
        *(sys.executable, "-P", "-m", "mlops_jupyter.cli", "pipeline", "run"),
        nightly.subject["file"],
    ]
    given = [*("-p", "day=@date(%Y-%m-%d, -1 day)"), *("-p", f"words={AWKWARD['words']}"), "-p", "rows=3"]
    assert words[7:] == [*given, "-p", 'a=[1, "b"]']
    settings = [unquoted(each)[0] for each in value_of(unit, "Environment")]
    assert settings == [f"MLOPS_HOME={workspace.root}", "TZ=Europe/Berlin"]
    assert value_of(unit, "WorkingDirectory") == [str(workspace.root.parent).replace("%", "%%")]


def test_systemd_finds_nothing_wrong_with_the_units(nightly: Schedule, workspace: Workspace, tmp_path: Path):
    made = units(replace(nightly, hook=f"{shutil.which('true')} 'a  word' $x"), workspace)
    assert set(made) == {f"mlops-delays{end}" for end in (".timer", ".service", "-failed.service")}
    agent = {"mlops-agent.service": printed_agent(workspace, sys.executable)}
    for name, text in (made | agent).items():
        (tmp_path / name).write_text(text)
        assert "%n" not in text.replace("%%n", "")
    if SYSTEMD:
        files = [str(tmp_path / name) for name in made | agent]
        environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"}
        said = subprocess.run(
            [SYSTEMD, "verify", "--man=no", "--recursive-errors=no", *files],
            capture_output=True, text=True, check=False, env=environment,
        )  # fmt: skip
        assert [line for line in said.stderr.splitlines() if "mlops" in line] == []
        assert said.returncode == 0


def test_a_line_of_crontab_does_what_it_says(nightly: Schedule, workspace: Workspace, tmp_path: Path):
    python = tmp_path / "pyt'hon"
    python.write_text(f"#!/bin/sh\nexec {sys.executable} -c '{TELL}' \"$@\"\n")
    python.chmod(0o755)
    line = cron_command(replace(nightly, python=str(python)), workspace)
    assert "%" not in line.replace(r"\%", "")
    said = subprocess.run(["sh", "-c", line.replace(r"\%", "%")], capture_output=True, check=True)
    words, folder, environment = json.loads(said.stdout)
    given = ["day=@date(%Y-%m-%d, -1 day)", f"words={AWKWARD['words']}", "rows=3", 'a=[1, "b"]']
    assert words[:5] == ["-P", "-m", "mlops_jupyter.cli", "pipeline", "run"]
    assert words[7::2] == given
    assert folder == str(workspace.root.parent)
    assert environment["MLOPS_HOME"] == str(workspace.root)
    assert environment["TZ"] == "Europe/Berlin"


@pytest.mark.parametrize(("succeeds", "called"), [("true", False), ("false", True)])
def test_a_line_of_crontab_calls_the_hook_when_the_run_failed(
    nightly: Schedule, workspace: Workspace, succeeds: str, called: bool
):
    hook = f"{sys.executable} -c '{TELL}' 'a b' '$(touch x)'"
    python = str(shutil.which(succeeds))
    line = cron_command(replace(nightly, python=python, hook=hook), workspace).replace(r"\%", "%")
    said = subprocess.run(["sh", "-c", line], capture_output=True, check=True)
    assert bool(said.stdout) is called
    if called:
        words, _, environment = json.loads(said.stdout)
        assert words == ["a b", "$(touch x)"]
        assert environment["MLOPS_STATE"] == "FAILED"
        assert environment["MLOPS_PIPELINE"] == "delays"


def test_cron_is_told_the_zone_where_the_machine_has_another(
    nightly: Schedule, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    at_home = crontab(nightly, workspace).splitlines()
    assert at_home[-1].startswith("0 6 * * 1 cd ")
    assert not any(line.startswith("CRON_TZ") for line in at_home)
    monkeypatch.setenv("TZ", "America/New_York")
    abroad = crontab(nightly, workspace).splitlines()
    assert abroad[-2] == "CRON_TZ=Europe/Berlin"
    assert "# run by the machine's clock (America/New_York): use --print systemd there." in abroad


@pytest.mark.parametrize(("own", "same"), [("Etc/UTC", True), ("Europe/London", False), ("UTC", True)])
def test_a_zone_of_another_name_and_the_same_clock_is_the_machines_own(
    nightly: Schedule, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, own: str, same: bool
):
    monkeypatch.setenv("TZ", own)
    assert ("CRON_TZ=UTC" not in crontab(replace(nightly, timezone="UTC"), workspace)) is same


@pytest.mark.parametrize("expression", ["5/20 6 * * *", "0 0/6 1/10 * *", "*/15 1-5 * JAN,jul MON-FRI"])
def test_crontabs_fields_mean_the_same(expression: str):
    cron = read_cron(expression, "UTC")
    plain = Cron(cron_fields(cron.expression), "UTC")
    assert "/" not in plain.expression.replace("*/", "")
    assert list(islice(times_after(plain, MOMENT), 50)) == list(islice(times_after(cron, MOMENT), 50))


@pytest.mark.parametrize("expression", ["0 6 L * *", "0 6 LW * *", "0 6 * * 1#2", "0 6 * * 5L"])
def test_what_cron_cannot_say_is_refused(expression: str):
    with pytest.raises(UsageError, match="cron cannot say"):
        cron_fields(read_cron(expression, "UTC").expression)


def test_what_systemd_cannot_say_is_refused():
    with pytest.raises(UsageError, match="systemd cannot say"):
        on_calendar(Cron("0 6 */2 * 1#2", "UTC"))


def test_an_unknown_style_is_refused_with_the_nearest(nightly: Schedule, workspace: Workspace):
    with pytest.raises(UsageError, match="did you mean cron"):
        printed(nightly, "crom", workspace)
    assert printed(nightly, "systemd", workspace).startswith("# ~/.config/systemd/user/mlops-delays.timer")
    assert "0 6 * * 1" in printed(nightly, "cron", workspace)


def test_a_line_break_is_refused_for_cron_and_escaped_for_systemd(nightly: Schedule, workspace: Workspace):
    broken = replace(nightly, subject={**nightly.subject, "parameters": {"text": "a\nb"}})
    with pytest.raises(UsageError, match="cannot hold a line break"):
        crontab(broken, workspace)
    unit = units(broken, workspace)["mlops-delays.service"]
    assert value_of(unit, "ExecStart")[0].endswith(r'"text=a\nb"')


def test_the_agent_itself_is_kept_running_by_systemd_or_cron(workspace: Workspace):
    unit = printed_agent(workspace, "/usr/bin/python3")
    assert value_of(unit, "Restart") == ["always"]
    assert unquoted(value_of(unit, "ExecStart")[0])[-3:] == ["--workspace", str(workspace.root), "--stays"]
    line = printed_agent(workspace, "/usr/bin/python3", "cron")
    assert shlex.split(line.replace(r"\%", "%"))[:2] == ["@reboot", "/usr/bin/python3"]
