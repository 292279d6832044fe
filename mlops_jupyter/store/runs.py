"""Tables of what pipelines did, and of the digests that were taken of files.

They are read and written by `direct`: planning a run of unchanged steps must not wait for SQLAlchemy.
"""

from __future__ import annotations

import sqlalchemy as sa

from .database import metadata

pipeline_runs = sa.Table(
    "pipeline_runs",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("id", sa.String, nullable=False, unique=True),
    sa.Column("pipeline", sa.String, nullable=False, index=True),
    sa.Column("file", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("cause", sa.String, nullable=False),
    sa.Column("started", sa.String, nullable=False),
    sa.Column("ended", sa.String),
    sa.Column("mlflow_run", sa.String, nullable=False),
    sa.Column("record", sa.String, nullable=False),
    # a number is never given twice: the newest result of a step is that of the highest
    sqlite_autoincrement=True,
)

# `attempt` is the run's number where the step began to run: it alone says which result is the newest
pipeline_steps = sa.Table(
    "pipeline_steps",
    metadata,
    sa.Column("run", sa.ForeignKey("pipeline_runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("pipeline", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("attempt", sa.Integer),
    sa.Column("record", sa.String, nullable=False),
    sa.Index("pipeline_steps_attempts", "pipeline", "name", "attempt"),
    sa.Index("pipeline_steps_by_name", "name", "attempt"),
)

file_digests = sa.Table(
    "file_digests",
    metadata,
    sa.Column("path", sa.String, primary_key=True),
    sa.Column("kind", sa.String, primary_key=True),
    sa.Column("identity", sa.String, nullable=False),
    sa.Column("digest", sa.String, nullable=False),
)

pipeline_environments = sa.Table(
    "pipeline_environments",
    metadata,
    sa.Column("digest", sa.String, primary_key=True),
    sa.Column("packages", sa.String, nullable=False),
)
