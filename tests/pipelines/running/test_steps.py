"""How the steps of a run follow one another: real processes, a real store, a line of work for a notebook."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import pairwise
from multiprocessing.connection import wait

import pytest

from mlops_jupyter.pipelines.definition.pipeline import Pipeline, Resources, Step
from mlops_jupyter.pipelines.execution.job import Failure, Outcome, Progress
from mlops_jupyter.pipelines.records.history import end_run, run_record, save_step
from mlops_jupyter.pipelines.records.planning import plan
from mlops_jupyter.pipelines.running import following
from mlops_jupyter.pipelines.running.beginning import begun
from mlops_jupyter.pipelines.running.claims import claimed
from mlops_jupyter.pipelines.running.judging import Judge
from mlops_jupyter.pipelines.running.pool import Pool
from mlops_jupyter.pipelines.running.steps import Steps
from mlops_jupyter.store.direct import connected


def work(job, tell) -> Outcome:
    tell(Progress(1, 1))
    if job.step.parameters.get("fails"):
        return Outcome("FAILED", 0.0, Failure("error", "ValueError: no rows", 1))
    return Outcome("SUCCEEDED", 0.0, values={"sum": 1 + sum(job.values.values())})


class Graph:
    """Pipelines of steps that need others, run with `work`."""

    def __init__(self, project):
        self.project, self.heard, self.at_once = project, [], 0

    def pipeline(self, *steps: Step) -> Pipeline:
        return Pipeline("graph", self.project.file, self.project.folder, {}, steps)

    def step(self, name: str, *needs: str, **facts) -> Step:
        return Step(name, self.project.path("x.ipynb"), needs=needs, **facts)

    def run(self, pipeline: Pipeline, jobs: int = 2, seconds: dict | None = None):
        store = self.project.store
        with connected(store), claimed(store, pipeline.name) as owner:
            planned = plan(pipeline, None, store)
            order = replace(begun(store, pipeline, planned, "run", owner), jobs=jobs)
            order = replace(order, seconds=seconds or {})
            record = self.follow(order, Pool(work))
            return end_run(store, record.id, record.state, record.ended)

    def steps(self, order, pool) -> Steps:
        return Steps(order, pool, Judge(self.project.store, order), partial(self.keep, order.record.id))

    def follow(self, order, pool):
        steps = self.steps(order, pool)
        while not steps.over:
            steps.advance()
            self.at_once = max(self.at_once, len(pool.jobs))
            wait(pool.connections, steps.patience)
            for told in pool.news():
                steps.take(told)
        pool.close()
        return steps.ended()

    def keep(self, run: str, record):
        self.heard.append(record)
        save_step(self.project.store, run, record)

    @property
    def begun(self) -> list[str]:
        return list(dict.fromkeys(each.name for each in self.heard if each.state == "RUNNING"))


@pytest.fixture
def graph(project):
    project.notebook("x", "'never read'")
    return Graph(project)


def states(record) -> dict[str, str]:
    return {step.name: step.state for step in record.steps}


def test_two_hundred_steps_run_each_behind_what_it_needs_and_are_all_skipped_after(graph, project):
    layers = [[f"s{layer:02}-{i}" for i in range(10)] for layer in range(20)]
    steps = [graph.step(name) for name in layers[0]]
    for before, names in pairwise(layers):
        steps += [graph.step(name, before[i], before[(i + 1) % 10]) for i, name in enumerate(names)]
    pipeline = graph.pipeline(*steps)
    record = graph.run(pipeline, jobs=4)
    assert set(states(record).values()) == {"SUCCEEDED"}
    assert record.step("s19-0").values == {"sum": 2**20 - 1}
    assert graph.at_once == 4
    position = {name: at for at, name in enumerate(graph.begun)}
    assert all(position[need] < position[step.name] for step in steps for need in step.needs)
    again = following.run_pipeline(pipeline, workspace=project.workspace)
    assert set(states(again).values()) == {"SKIPPED"}
    assert run_record(project.store).id == again.id


def test_what_does_not_need_a_failed_step_goes_on(graph):
    pipeline = graph.pipeline(
        graph.step("bad", parameters={"fails": True}),
        graph.step("good"),
        graph.step("after good", "good"),
        graph.step("after both", "bad", "good"),
        graph.step("last", "after both"),
    )
    record = graph.run(pipeline, jobs=1)
    assert record.state == "FAILED"
    assert states(record) == {
        "bad": "FAILED",
        "good": "SUCCEEDED",
        "after good": "SUCCEEDED",
        "after both": "NOT RUN",
        "last": "NOT RUN",
    }
    assert record.step("after both").reason == "needs bad, which failed"
    assert record.step("last").reason == "needs after both, which did not run"


def test_what_the_longest_way_begins_with_begins_first(graph):
    pipeline = graph.pipeline(
        graph.step("short"), graph.step("long"), graph.step("chain"), graph.step("end", "chain")
    )
    graph.run(pipeline, jobs=1, seconds={"short": 1, "long": 5, "chain": 1, "end": 9})
    assert graph.begun == ["chain", "end", "long", "short"]


def test_a_step_that_takes_every_job_runs_alone_and_is_not_passed_by_small_ones(graph):
    small = [graph.step(f"small {i}") for i in range(3)]
    pipeline = graph.pipeline(*small, graph.step("big", resources=Resources(cpus=8)))
    together: list[set[str]] = []
    seconds = {"small 0": 9.0, "big": 5.0, "small 1": 1.0, "small 2": 1.0}

    def follow(order, pool, plain=graph.follow):
        start = pool.start
        pool.start = lambda job: (start(job), together.append({each.step.name for each in pool.jobs}))
        return plain(order, pool)

    graph.follow = follow
    record = graph.run(pipeline, jobs=2, seconds=seconds)
    assert set(states(record).values()) == {"SUCCEEDED"}
    assert graph.begun[:2] == ["small 0", "big"]
    assert all(names == {"big"} for names in together if "big" in names)


def test_a_step_whose_folder_cannot_be_made_fails_and_the_others_run(graph, project):
    pipeline = graph.pipeline(graph.step("a"), graph.step("b"))

    def follow(order, pool, plain=graph.follow):
        folder = project.workspace.root / "pipelines" / "graph" / "runs" / order.record.id / "steps"
        folder.mkdir()
        (folder / "a").write_text("in the way")
        return plain(order, pool)

    graph.follow = follow
    record = graph.run(pipeline)
    assert states(record) == {"a": "FAILED", "b": "SUCCEEDED"}
    assert "File exists" in record.step("a").failure.message


def test_nothing_begins_after_a_stop(graph):
    pipeline = graph.pipeline(graph.step("a"), graph.step("b", "a"))

    def follow(order, pool):
        steps = graph.steps(order, pool)
        steps.stop()
        steps.advance()
        assert steps.over
        pool.close()
        return steps.ended()

    graph.follow = follow
    record = graph.run(pipeline)
    assert record.state == "STOPPED"
    assert states(record) == {"a": "NOT RUN", "b": "NOT RUN"}
