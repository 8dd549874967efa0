"""Which stages `dvc repro` would run, in run order, found out as DVC does but without running anything.

DVC decides about a stage when its turn comes, by the files that are there by then. So the stages are walked through as
`dvc repro` walks, with DVC's own stages, deps, outs and run cache, and of each output is noted what will be known of
it: its hash where the stage keeps it or takes it from the cache, nothing where the stage runs. A stage

- `will run` if something that it depends on has changed for certain, and no earlier run can stand in for it;
- `may run` if a stage before it runs, whose outputs may come out as they were (DVC then stops), or if what comes out
  may be something for which there is an earlier run;
- is `restored` if its outputs are taken from the cache without a run.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import dpath
from dvc.dependency import Dependency, ParamsDependency
from dvc.exceptions import DvcException
from dvc.output import Output
from dvc.repo import Repo
from dvc.repo.reproduce import get_active_graph, plan_repro
from dvc.stage import PipelineStage, Stage
from dvc.stage.loader import StageLoader
from dvc.utils.serialize import load_path
from dvc_data.hashfile.hash_info import HashInfo
from dvc_data.hashfile.meta import Meta
from dvc_data.hashfile.tree import Tree

from distil.core.errors import InputError
from distil.core.params import PARAMS_FILE
from distil.core.yaml_files import UnsafeYamlError, load_yaml
from distil.planning.run_cache import find_restorable, may_be_restored
from distil.revisions.dvc_files import check_yaml

State = Literal["will run", "may run", "restored", "unchanged", "frozen"]
Kind = Literal["command", "param", "file", "output", "upstream"]
DVC_FILE = "dvc.yaml"
ABSENT = object()  # in place of a param
MEASURED = "measured"  # key of a stage's `meta` in dvc.yaml: outs that hold times, which never come out the same


@dataclass(frozen=True)
class Change:
    """One thing that is not as when the stage ran last.

    `what` is the path of a dep or an output, or the name of a param (`annotate.votes`); `how` says new, modified,
    deleted, not in cache, missing, or of an upstream output `will differ` or `may differ`. `old` and `new` are values
    of a param or hashes of a file, None where there is none; `stage` is the upstream stage, or those that make anew
    what lies in a folder.
    """

    kind: Kind
    what: str
    how: str
    old: Any = None
    new: Any = None
    stage: str | None = None


@dataclass
class Step:
    """A stage with what becomes of it, and why.

    `recorded` tells whether dvc.lock knows it, that is whether it ever ran. `missing` are deps that neither lie there
    nor are made by a stage.
    """

    name: str
    state: State
    recorded: bool = True
    changes: list[Change] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Outcome:
    """What is known of an output once its stage had its turn.

    The output with the hash that it will have; or None, and then whether it differs for certain from what dvc.lock has,
    and from all that ever was.
    """

    stage: str
    out: Output | None = None
    differs: bool = False
    unique: bool = False


Differs = Callable[[Step], Collection[str]]
"""Of a stage that will run on the deps as they lie there, its outputs being those of dvc.lock (or, against another
dvc.lock, perhaps not): the paths of outputs that cannot come out as they were."""


def read_pipeline(lock: str | None = None, *, differs: Differs = lambda _step: ()) -> list[Step]:
    """Every stage of the dvc.yaml in the working folder, in the order in which `dvc repro` comes to it.

    With `lock`, the text of another dvc.lock (empty: there was none), nothing counts as computed but what it records:
    neither the outputs in the working folder nor earlier runs in the cache. Raises `InputError` if there is no DVC
    project here, or DVC cannot read it.
    """
    with _open_repo() as repo:
        here = Path(DVC_FILE).absolute()
        targets = [stage for stage in repo.index.stages if Path(stage.path).absolute() == here]
        stages = plan_repro(get_active_graph(repo.index.graph), targets)
        if lock is not None:
            _replace_lock(stages, lock)
        walk = _Walk(differs, alone=lock is not None)
        return [walk.visit(stage) for stage in stages if isinstance(stage, PipelineStage)]


@contextmanager
def _open_repo() -> Iterator[Repo]:
    if not Path(DVC_FILE).is_file():
        raise InputError(f"{DVC_FILE} is missing here; run distil in the project's folder")
    for path in (DVC_FILE, PARAMS_FILE):
        check_yaml(Path(path))
    try:
        with Repo() as repo:
            yield repo
    except DvcException as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        cause = f" ({' '.join(str(error.__cause__).split())})" if error.__cause__ else ""
        raise InputError(f"DVC cannot read this project: {' '.join(lines)}{cause}") from None


def _replace_lock(stages: Collection[Stage], text: str) -> None:
    """Have the stages take another dvc.lock for what was computed."""
    try:
        recorded = (load_yaml(text) or {}).get("stages", {})
        for stage in stages:
            if isinstance(stage, PipelineStage):
                for entry in (*stage.deps, *stage.outs):
                    entry.hash_info = HashInfo()
                lock = recorded.get(stage.name) or {}
                stage.cmd_changed = bool(lock) and lock.get("cmd") != stage.cmd
                StageLoader.fill_from_lock(stage, lock)
    except (UnsafeYamlError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise InputError(f"the dvc.lock of that revision cannot be read: {' '.join(str(error).split())}") from None


class _Walk:
    """The stages in turn; `alone` as in `read_pipeline`."""

    def __init__(self, differs: Differs, *, alone: bool) -> None:
        self._differs = differs
        self._alone = alone
        self._outcomes: dict[str, _Outcome] = {}  # by the path of an output
        self._params: dict[str, dict[str, Any]] = {}  # by file
        self._hashed: dict[str, tuple[Meta, HashInfo]] = {}  # deps that several stages have, by path

    def visit(self, stage: PipelineStage) -> Step:
        """Decide about a stage whose upstream stages had their turn, and note what becomes of its outputs."""
        step = Step(stage.addressing, "unchanged")
        outs = [] if self._alone else list(_compare_outs(stage))
        if stage.frozen:
            step.state, step.changes = "frozen", outs
            self._note(stage, stage.outs)
            return step
        lock = {dep.def_path: dep.hash_info for dep in stage.deps}
        step.recorded = any(lock.values())
        certain = self._compare_deps(stage, step)
        of_deps = any(change.how != "may differ" for change in step.changes)
        of_command = list(_compare_command(stage))
        step.changes = [*of_command, *step.changes, *outs]
        if of_command or of_deps or outs:
            self._decide(stage, step, lock, certain, as_locked=not of_command and not of_deps)
        elif step.changes:
            step.state = "may run"
            self._note(stage)
        else:
            self._note(stage, stage.outs)
        return step

    def _compare_deps(self, stage: PipelineStage, step: Step) -> list[str]:
        """Note what has changed, and give each dep the hash that it will have; returns the paths where it is known."""
        certain = []
        for dep in stage.deps:
            if isinstance(dep, ParamsDependency):
                step.changes += _compare_params(dep, self._read_params(dep))
                certain.append(dep.def_path)
                continue
            outcome = self._outcome_of(dep)
            if outcome and not outcome.out:
                differs = outcome.differs or not dep.hash_info
                how = "will differ" if differs else "may differ"
                step.changes.append(Change("upstream", dep.def_path, how, stage=outcome.stage))
            elif outcome is None and not dep.exists:
                step.missing.append(dep.def_path)
                step.changes.append(Change("file", dep.def_path, "missing", dep.hash_info.value))
            else:
                old = dep.hash_info
                self._take_hash(dep, outcome.out if outcome else None)
                certain.append(dep.def_path)
                if dep.hash_info != old:
                    how, maker = "modified" if old else "new", (outcome.stage or None) if outcome else None
                    step.changes.append(Change("file", dep.def_path, how, old.value, dep.hash_info.value, maker))
        return certain

    def _read_params(self, dep: ParamsDependency) -> dict[str, Any]:
        """The params that a stage names, or all of the file, which is parsed once for all stages."""
        if not dep.exists:
            return {}
        if dep.fs_path not in self._params:
            self._params[dep.fs_path] = load_path(dep.fs_path, dep.fs)
        values = self._params[dep.fs_path]
        found = {name: dpath.get(values, name, separator=".", default=ABSENT) for name in dep.params}
        return {name: value for name, value in found.items() if value is not ABSENT} if dep.params else values

    def _take_hash(self, dep: Dependency, made: Output | None) -> None:
        """Give a dep the hash that it will have: of what a stage makes, or None: of what lies in the working folder."""
        if made is not None:
            if made.fs_path == dep.fs_path:
                dep.meta, dep.hash_info = made.meta, made.hash_info
            else:
                dep.meta, dep.hash_info = Meta(), made.get_obj(filter_info=dep.fs_path).hash_info
            return
        if dep.fs_path not in self._hashed:
            self._hashed[dep.fs_path] = dep._get_hash_meta()
        dep.meta, dep.hash_info = self._hashed[dep.fs_path]

    def _outcome_of(self, dep: Dependency) -> _Outcome | None:
        """What is known of a dep that a stage makes, as a whole or in part; None where no stage does."""
        made = {path: one for path, one in self._outcomes.items() if _overlap(path, dep.fs_path)}
        if len(made) < 2 and all(dep.fs.isin_or_eq(dep.fs_path, path) for path in made):
            return next(iter(made.values()), None)
        some = list(made.values())  # a folder in which outputs lie, perhaps beside other files
        makers = sorted({one.stage for one in some if not (one.out and _is_in_place(one.out))})
        differs, unique = any(one.differs for one in some), any(one.unique for one in some)
        return _Outcome(", ".join(makers), _reckon_folder(dep, [one.out for one in some]), differs, unique)

    def _decide(
        self, stage: PipelineStage, step: Step, lock: dict[str, HashInfo], certain: list[str], *, as_locked: bool
    ) -> None:
        """Of a stage that has changed for certain: whether it runs, or its outputs can be had without a run.

        `as_locked` says that only its outputs are not what they were, as far as one knows: if so, those of dvc.lock do.
        """
        open_ends = [dep for dep in stage.deps if dep.def_path not in certain]
        record = None
        if not self._alone and not step.missing:
            if not open_ends:
                record = find_restorable(stage, unchanged=as_locked)
            elif (as_locked and find_restorable(stage, unchanged=True)) or self._may_recur(
                stage, lock, certain, open_ends
            ):
                step.state = "may run"
                self._note(stage)
                return
        if record is not None:
            step.state = "restored"
            self._note(stage, stage.repo.stage_cache._create_stage(record, wdir=stage.wdir).outs)
            return
        step.state = "will run"
        differing = () if open_ends or not self._are_in_place(stage) else self._differs(step)
        self._note(stage, differing=differing, unique=(stage.meta or {}).get(MEASURED, []))

    def _may_recur(
        self, stage: PipelineStage, lock: dict[str, HashInfo], certain: list[str], open_ends: list[Any]
    ) -> bool:
        """Whether the deps that are not known yet may be such that an earlier run can stand in."""
        outcomes = {dep.def_path: self._outcome_of(dep) for dep in open_ends}
        if any(one is None or one.unique for one in outcomes.values()):
            return False
        differing = {path: lock[path].value for path, one in outcomes.items() if one and one.differs}
        return may_be_restored(stage, certain, differing)

    def _are_in_place(self, stage: PipelineStage) -> bool:
        """Whether deps and outputs lie there as they are reckoned with."""
        as_reckoned = all(_is_in_place(dep) for dep in stage.deps if self._outcome_of(dep) is not None)
        return as_reckoned and (self._alone or not any(_compare_outs(stage)))

    def _note(
        self,
        stage: PipelineStage,
        known: Collection[Output] = (),
        *,
        differing: Collection[str] = (),
        unique: Collection[str] = (),
    ) -> None:
        """Note what will be known of the outputs: all of them, with their hashes, or none."""
        by_path = {out.def_path: out for out in known}
        for out in stage.outs:
            path = out.def_path
            new = path in unique
            self._outcomes[out.fs_path] = _Outcome(stage.addressing, by_path.get(path), new or path in differing, new)


def _is_in_place(entry: Output) -> bool:
    """Whether what lies there has the hash that is reckoned with."""
    return bool(entry.exists and entry.get_hash() == entry.hash_info)


def _reckon_folder(folder: Dependency, outs: Collection[Output | None]) -> Dependency | None:
    """The folder as it will be, with the outputs in it and what else lies there; None where that is not known."""
    known = [out for out in outs if out and (not out.is_dir_checksum or _is_in_place(out))]
    if len(known) < len(outs):
        return None
    tree = Tree()  # type: ignore[no-untyped-call]
    if folder.exists:
        place = folder.fs_path, folder.fs, folder.hash_name
        for entry in folder._build(folder.cache, *place, ignore=folder.dvcignore, dry_run=True)[-1]:
            tree.add(*entry)
    for out in known:
        if not out.is_dir_checksum:
            tree.add(out.fs.relparts(out.fs_path, folder.fs_path), out.meta, out.hash_info)
    tree.digest()
    reckoned = copy(folder)
    reckoned.meta, reckoned.hash_info = Meta(), tree.hash_info
    return reckoned


def _overlap(one: str, other: str) -> bool:
    """Whether two absolute paths are the same, or one is a folder that the other lies in."""
    return Path(one).is_relative_to(other) or Path(other).is_relative_to(one)


def _compare_command(stage: PipelineStage) -> Iterator[Change]:
    if stage.changed_stage():
        yield Change("command", "cmd", "modified", new=stage.cmd)
    elif stage.always_changed or stage.is_callback:
        yield Change("command", "cmd", "always run")


def _compare_outs(stage: PipelineStage) -> Iterator[Change]:
    for out in stage.outs:
        for how in out.status().values():
            yield Change("output", out.def_path, how)


def _compare_params(dep: ParamsDependency, now: dict[str, Any]) -> Iterator[Change]:
    then = dep.hash_info.value or {}
    named = set(dep.params) or {*now, *then}
    old, new = ({name: value for name, value in values.items() if name in named} for values in (then, now))
    yield from _compare_values("", old, new)
    dep.hash_info = HashInfo(dep.PARAM_PARAMS, now)  # type: ignore[arg-type]  # as DVC does


def _compare_values(name: str, old: Any, new: Any) -> Iterator[Change]:
    """Each value that differs, by its full name, within mappings too."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        if old != new:
            yield Change("param", name, "modified", old, new)
        return
    for key in [*new, *(key for key in old if key not in new)]:
        full = f"{name}.{key}" if name else str(key)
        if key in old and key in new:
            yield from _compare_values(full, old[key], new[key])
        else:
            yield Change("param", full, "new" if key in new else "deleted", old.get(key), new.get(key))
