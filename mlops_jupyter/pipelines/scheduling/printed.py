"""A schedule as text for machines that have a clock of their own: units of systemd, a line of crontab.

Nothing of it needs the agent. What differs there is said in a comment.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mlops_jupyter.errors import UsageError, did_you_mean

from .on_calendar import on_calendar
from .schedules import cron_of
from .times import in_words, is_local, local_zone

if TYPE_CHECKING:
    from mlops_jupyter.store.schedules import Schedule
    from mlops_jupyter.store.workspace import Workspace

STYLES: Final = ("systemd", "cron")
_PLAIN: Final = re.compile(r"[\w@+=:,./-]+")
_CRON_FIELD: Final = re.compile(r"[*/,\-0-9]+|[A-Z,\-]+", re.IGNORECASE)


def printed(schedule: Schedule, style: str, workspace: Workspace) -> str:
    """Return a schedule as text for systemd or cron.

    Raises
    ------
    UsageError
        For another style, or what cron cannot say.
    """
    if style == "systemd":
        return "\n".join(units(schedule, workspace).values())
    if style == "cron":
        return crontab(schedule, workspace)
    raise UsageError(f"--print cannot be {style!r}", hint=did_you_mean(style, STYLES))


def units(schedule: Schedule, workspace: Workspace) -> dict[str, str]:
    """Return the units of a schedule by their names, to be put in ``~/.config/systemd/user``."""
    name = unit_name(schedule.name)
    made = {f"{name}.timer": timer(schedule), f"{name}.service": service(schedule, workspace)}
    if schedule.hook:
        made[f"{name}-failed.service"] = hook_service(schedule, workspace)
    return made


def timer(schedule: Schedule) -> str:
    """Return the unit that says when."""
    name = unit_name(schedule.name)
    when = "\n".join(f"OnCalendar={each}" for each in on_calendar(cron_of(schedule)))
    return f"""\
# ~/.config/systemd/user/{name}.timer
#   systemctl --user daemon-reload && systemctl --user enable --now {name}.timer
#   loginctl enable-linger    # to go on when you are logged out
# When clocks are put forward or back, systemd skips what the clock leaps over or shows twice.
[Unit]
Description={_line(schedule.subject["pipeline"])}, {in_words(cron_of(schedule))}

[Timer]
{when}
Persistent={"true" if schedule.missed == "run-once" else "false"}
AccuracySec=1s

[Install]
WantedBy=timers.target
"""


def service(schedule: Schedule, workspace: Workspace) -> str:
    """Return the unit that says what."""
    name = unit_name(schedule.name)
    failure = f"OnFailure={name}-failed.service\n" if schedule.hook else ""
    settings = "\n".join(f"Environment={_quoted(each)}" for each in environment(schedule, workspace))
    return f"""\
# ~/.config/systemd/user/{name}.service
[Unit]
Description={_line(schedule.subject["pipeline"])}
{failure}
[Service]
Type=oneshot
WorkingDirectory={_line(str(_folder(schedule)))}
{settings}
ExecStart={_joined(command(schedule))}
"""


def hook_service(schedule: Schedule, workspace: Workspace) -> str:
    """Return the unit that systemd starts when the run failed."""
    settings = "\n".join(f"Environment={_quoted(each)}" for each in facts(schedule, workspace))
    return f"""\
# ~/.config/systemd/user/{unit_name(schedule.name)}-failed.service
[Unit]
Description={_line(schedule.subject["pipeline"])} failed

[Service]
Type=oneshot
WorkingDirectory={_line(str(_folder(schedule)))}
{settings}
ExecStart={_joined(_hook_words(schedule))}
"""


def crontab(schedule: Schedule, workspace: Workspace) -> str:
    """Return the line of a schedule for ``crontab -e``, under comments that say what cron cannot do."""
    notes = [f"# {_comment(schedule.subject['pipeline'])}, {in_words(cron_of(schedule))}"]
    if schedule.missed == "run-once":
        notes.append("# cron does not make up for what is missed while the machine is off.")
    zone = []
    if not is_local(schedule.timezone, schedule.created):
        zone = [f"CRON_TZ={schedule.timezone}"]
        notes.append("# CRON_TZ is cronie's (Fedora, RHEL, Arch). Debian's cron does not know it and would")
        notes.append(f"# run by the machine's clock ({local_zone()}): use --print systemd there.")
    return "\n".join([*notes, *zone, f"{cron_fields(schedule.cron)} {cron_command(schedule, workspace)}", ""])


def cron_fields(expression: str) -> str:
    """Return an expression as every cron reads it.

    Raises
    ------
    UsageError
        When it says what cron cannot: the last day, the second Monday.

    Examples
    --------
    >>> cron_fields("5/20 6 * * mon-fri")
    '5,25,45 6 * * mon-fri'
    """
    fields = expression.split()
    # a number with a step counts to the end of the hour or the day, which no other cron says so
    for place, most in enumerate((59, 23, 31, 12, 7)):
        if re.fullmatch(r"\d+/\d+", fields[place]):
            first, step = map(int, fields[place].split("/"))
            fields[place] = ",".join(map(str, range(first, most + 1, step)))
    strange = next((each for each in fields if not _CRON_FIELD.fullmatch(each)), None)
    if strange or "L" in fields[2].upper() or re.search(r"\dL", expression.upper()):
        said = strange or fields[2]
        raise UsageError(f"cron cannot say {said!r}", hint="use --print systemd, or let the agent run it")
    return " ".join(fields)


def cron_command(schedule: Schedule, workspace: Workspace) -> str:
    """Return the command of a line in a crontab, where a percent sign would begin its input."""
    run = f"env {shlex.join([*environment(schedule, workspace), *command(schedule)])}"
    if schedule.hook:
        run = f"{{ {run} || env {shlex.join([*facts(schedule, workspace), *_hook_words(schedule)])}; }}"
    line = f"cd {shlex.quote(str(_folder(schedule)))} && {run}"
    if re.search(r"[\x00-\x1f]", line):
        raise UsageError("a line of crontab cannot hold a line break", hint="use --print systemd")
    return line.replace("%", r"\%")


def command(schedule: Schedule) -> list[str]:
    """Return the command that runs a schedule's pipeline once."""
    given = [f"{name}={_written(value)}" for name, value in schedule.subject["parameters"].items()]
    words = [part for each in given for part in ("-p", each)]
    return [
        *(schedule.python, "-P", "-m", "mlops_jupyter.cli", "pipeline", "run"),
        *(schedule.subject["file"], *words),
    ]


def environment(schedule: Schedule, workspace: Workspace) -> list[str]:
    """Return the variables that a run needs: its dates are those of the schedule's place."""
    zone = [] if is_local(schedule.timezone, schedule.created) else [f"TZ={schedule.timezone}"]
    return [f"MLOPS_HOME={workspace.root}", *zone]


def facts(schedule: Schedule, workspace: Workspace) -> list[str]:
    """Return the variables that a hook is told, as far as systemd and cron know."""
    return [
        f"MLOPS_HOME={workspace.root}",
        f"MLOPS_SCHEDULE={schedule.name}",
        f"MLOPS_PIPELINE={schedule.subject['pipeline']}",
        f"MLOPS_FILE={schedule.subject['file']}",
        "MLOPS_STATE=FAILED",
    ]


def printed_agent(workspace: Workspace, python: str, style: str = "systemd") -> str:
    """Return what keeps an agent running on a machine, from its start on."""
    words = [python, "-P", "-m", "mlops_jupyter.agents", "--workspace", str(workspace.root), "--stays"]
    if style == "cron":
        return f"@reboot {shlex.join(words)}\n".replace("%", r"\%")
    if style != "systemd":
        raise UsageError(f"--print cannot be {style!r}", hint=did_you_mean(style, STYLES))
    name = unit_name(f"agent-{workspace.root.parent.name}")
    return f"""\
# ~/.config/systemd/user/{name}.service
#   systemctl --user daemon-reload && systemctl --user enable --now {name}.service
#   loginctl enable-linger    # to go on when you are logged out
[Unit]
Description=The agent of {_line(str(workspace.root))}

[Service]
WorkingDirectory={_line(str(workspace.root))}
ExecStart={_joined(words)}
Restart=always
RestartSec=5
# runs under way go on when the agent is restarted
KillMode=process

[Install]
WantedBy=default.target
"""


def unit_name(name: str) -> str:
    """Return the name of a unit.

    Examples
    --------
    >>> unit_name("flüge.täglich")
    'mlops-fl-ge.t-glich'
    """
    return f"mlops-{re.sub(r'[^A-Za-z0-9_.-]', '-', name)}"


def _folder(schedule: Schedule) -> Path:
    return Path(schedule.subject["file"]).parent


def _hook_words(schedule: Schedule) -> list[str]:
    first, *rest = shlex.split(schedule.hook)
    # systemd wants a path that is whole, or a name to look for
    return [str(_folder(schedule) / first) if "/" in first else first, *rest]


def _written(value: object) -> str:
    import json

    return value if isinstance(value, str) else json.dumps(value)


def _joined(words: list[str]) -> str:
    """Join the words of a command line for systemd, which fills in variables as well."""
    return " ".join(_quoted(word).replace("$", "$$") for word in words)


def _quoted(word: str) -> str:
    r"""Quote one word for systemd.

    Examples
    --------
    >>> print(_quoted('day=@date(%F, -1 day)'))
    "day=@date(%%F, -1 day)"
    """
    if _PLAIN.fullmatch(word):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'.replace("%", "%%")


def _line(text: str) -> str:
    """Return text that stands in one line of a unit as it is."""
    return _comment(text).replace("%", "%%")


def _comment(text: str) -> str:
    return " ".join(text.split("\n"))
