"""Tables of what is done by itself: the agents, the schedules, and each time that one came due.

They are read and written by `direct`, in `leases`, `schedules` and `firings`: the agent is there all day,
and SQLAlchemy alone would double what it holds of the memory.
"""

from __future__ import annotations

import sqlalchemy as sa

from .database import metadata

agents = sa.Table(
    "agents",
    metadata,
    sa.Column("host", sa.String, primary_key=True),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("token", sa.String, nullable=False),
    sa.Column("started", sa.Float, nullable=False),
    sa.Column("since", sa.String, nullable=False),
    sa.Column("beat", sa.String, nullable=False),
    sa.Column("version", sa.String, nullable=False),
    sa.Column("stays", sa.Boolean, nullable=False),
    sa.Column("trouble", sa.String, nullable=False),
)

schedules = sa.Table(
    "schedules",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("subject", sa.String, nullable=False),
    sa.Column("cron", sa.String, nullable=False),
    sa.Column("timezone", sa.String, nullable=False),
    sa.Column("missed", sa.String, nullable=False),
    sa.Column("hook", sa.String, nullable=False),
    sa.Column("python", sa.String, nullable=False),
    sa.Column("created", sa.String, nullable=False),
    sa.Column("next_due", sa.String),
)

firings = sa.Table(
    "firings",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("schedule", sa.String, nullable=False),
    sa.Column("due", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("result", sa.String, nullable=False),
    sa.Column("passed_over", sa.Integer, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("hook", sa.String, nullable=False),
    sa.Column("closed", sa.Boolean, nullable=False, index=True),
    sa.Column("host", sa.String, nullable=False),
    sa.Column("pid", sa.Integer),
    sa.Column("token", sa.String, nullable=False),
    sa.Column("beat", sa.String),
    sa.Column("not_before", sa.String),
    sa.Column("began", sa.String),
    sa.Column("ended", sa.String),
    sa.UniqueConstraint("schedule", "due"),
    # a number is never given twice: hooks are told it
    sqlite_autoincrement=True,
)
