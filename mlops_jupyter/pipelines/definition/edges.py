"""What each step needs: the steps it names, whose files it reads, whose values it takes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlops_jupyter.errors import did_you_mean
from mlops_jupyter.pipelines.definition.graph import cycle, ordered
from mlops_jupyter.pipelines.definition.paths import below, folders_of, is_glob, meets, normal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mlops_jupyter.pipelines.definition.drafts import Draft, Scene
    from mlops_jupyter.pipelines.definition.pipeline import Step

STATE = ".mlops"


def linked(scene: Scene, drafts: Sequence[Draft]) -> tuple[Step, ...]:
    """Return the steps with what each needs, each behind all that it needs; what is wrong is noted."""
    outputs = outputs_of_steps(draft.step for draft in drafts)
    _check_outputs(scene, drafts)
    groups = _groups(drafts)
    place = {draft.step.name: at for at, draft in enumerate(drafts)}
    needs = {}
    for draft in drafts:
        before = [
            *_named(scene, draft, groups),
            *_of_files(scene, draft, outputs),
            *_of_values(scene, draft, groups),
        ]
        needs[draft.step.name] = tuple(sorted(set(before) - {draft.step.name}, key=place.__getitem__))
    _check_cycle(scene, drafts, needs)
    by_name = {draft.step.name: draft.step for draft in drafts}
    return tuple(replace(by_name[name], needs=needs[name]) for name in ordered(needs))


def _groups(drafts: Sequence[Draft]) -> dict[str, list[str]]:
    made: dict[str, list[str]] = defaultdict(list)
    for draft in drafts:
        for name in {draft.step.name, draft.step.group}:
            made[name].append(draft.step.name)
    return made


def _named(scene: Scene, draft: Draft, groups: Mapping[str, list[str]]) -> list[str]:
    found: list[str] = []
    for at, name in enumerate(draft.after):
        place = (*draft.place, "after", at)
        if name not in groups:
            others = groups.keys() - {draft.step.group, draft.step.name}
            scene.document.wrong(place, f"there is no step {name!r}; {did_you_mean(name, others)}")
        elif draft.step.name in groups[name]:
            scene.document.wrong(place, f"{draft.step.group} cannot come after itself")
        else:
            found += groups[name]
    return found


def _of_values(scene: Scene, draft: Draft, groups: Mapping[str, list[str]]) -> list[str]:
    found: list[str] = []
    place = (*draft.place, "notebook")
    for call in draft.taken:
        where = f"{draft.step.notebook.name} (code cell {call.cell}) takes {call.name!r}"
        if draft.step.name in groups.get(call.step, ()):
            scene.document.wrong(place, f"{where}, a value of its own step; use the variable itself")
        elif call.step not in groups and not call.optional:
            near = did_you_mean(call.step, groups.keys() - {draft.step.name})
            scene.document.wrong(place, f"{where}, but there is no step {call.step!r}; {near}")
        found += groups.get(call.step, [])
    return found


@dataclass
class Outputs:
    """Who writes what.

    Parameters
    ----------
    whole : mapping
        The steps that write each file or folder.
    inside : mapping
        The steps that write something in each folder.
    """

    whole: dict[str, list[str]]
    inside: dict[str, list[str]]

    def add(self, name: str, output: str) -> None:
        """Take in that a step writes an output."""
        self.whole.setdefault(output, []).append(name)
        for folder in folders_of(output):
            self.inside.setdefault(folder, []).append(name)

    def makers(self, wanted: str) -> list[str]:
        """Return the steps that make an input, or a part of it."""
        if is_glob(wanted) or wanted == ".":
            return [name for path, names in self.whole.items() if meets(wanted, path) for name in names]
        above = [name for folder in folders_of(wanted) for name in self.whole.get(folder, ())]
        return [*self.whole.get(wanted, ()), *self.inside.get(wanted, ()), *above]


def outputs_of_steps(steps: Iterable[Step]) -> Outputs:
    """Return who writes what."""
    made = Outputs({}, {})
    for step in steps:
        for output in step.outputs:
            made.add(step.name, output)
    return made


def _of_files(scene: Scene, draft: Draft, outputs: Outputs) -> list[str]:
    found: list[str] = []
    for at, wanted in enumerate(draft.step.inputs):
        makers = outputs.makers(wanted)
        if draft.step.name in makers:
            why = (
                f"{wanted!r} is what it writes itself; a step does not change its inputs: write another file"
            )
            scene.document.wrong((*draft.place, "inputs", at), why)
        found += makers
    return found


def _check_outputs(scene: Scene, drafts: Sequence[Draft]) -> None:
    kept = {normal(str(draft.step.notebook), scene.folder) for draft in drafts} | {scene.document.file}
    writers = Outputs({}, {})
    for draft in drafts:
        for at, output in enumerate(draft.step.outputs):
            why = _no_output(output, kept) or _written_twice(draft, output, writers)
            if why:
                scene.document.wrong((*draft.place, "outputs", at), why)
            writers.add(draft.step.name, output)


def _no_output(output: str, kept: set[str]) -> str:
    if is_glob(output):
        return f"{output!r} is a pattern; name the files, or the folder they are in"
    if STATE in output.split("/"):
        return f"{output!r} is in the workspace's own folder; write elsewhere"
    lost = next((path for path in sorted(kept) if below(path, output)), "")
    if lost:
        return f"{output!r} would overwrite {lost}; notebooks that are read are never written to"
    return ""


def _written_twice(draft: Draft, output: str, writers: Outputs) -> str:
    """Return why an output is another step's as well, told where the second of them stands."""
    for path in (output, *folders_of(output)):
        other = next((name for name in writers.whole.get(path, ()) if name != draft.step.name), "")
        if other:
            return _both(draft, output, path, other)
    inner = next((name for name in writers.inside.get(output, ()) if name != draft.step.name), "")
    return f"{output!r} holds what {inner} writes; each file has one writer" if inner else ""


def _both(draft: Draft, output: str, path: str, other: str) -> str:
    if other.partition("[")[0] == draft.step.group != other:
        name = draft.step.name.partition("[")[2].partition("=")[0]
        return f"{output!r} is written by all of its matrix; put @param({name}) in it"
    within = f" (in {path!r})" if path != output else ""
    return f"{output!r} is written by {other} as well{within}; each file has one writer"


def _check_cycle(scene: Scene, drafts: Sequence[Draft], needs: Mapping[str, tuple[str, ...]]) -> None:
    way = cycle(needs)
    if way:
        place = next(draft.place for draft in drafts if draft.step.name == way[0])
        scene.document.wrong(place, f"the steps go in a circle: {' -> '.join(way)}", at_key=True)
