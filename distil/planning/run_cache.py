"""What DVC could bring back in place of a run: the outputs of an earlier run with the same command, deps and params.

DVC asks its cache for them when a stage has changed (`dvc.stage.cache.StageCache.restore`). Here the same is asked of
deps as they will be by then, which are not always what lies in the working folder now.
"""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from dvc.dependency import ParamsDependency
from dvc.stage import PipelineStage
from dvc.stage.cache import _get_cache_hash
from dvc.stage.serialize import to_single_stage_lockfile

Record = dict[str, Any]
"""A run that DVC keeps: cmd, deps, params and outs, as in dvc.lock."""


def find_restorable(stage: PipelineStage, *, unchanged: bool) -> Record | None:
    """The earlier run that DVC would take the outputs of; the stage's deps have the hashes that they will have.

    `unchanged` says that command, deps and params are those of dvc.lock, whose outputs are then the only ones that
    count. None where the stage has to run.
    """
    if not _is_kept(stage):
        return None
    if unchanged and all(out.hash_info for out in stage.outs):
        record: Record | None = to_single_stage_lockfile(stage)
    else:
        record = _read_newest(stage, _get_cache_hash(to_single_stage_lockfile(stage), key=True))
    return record if record and _has_outputs(stage, record) else None


def may_be_restored(stage: PipelineStage, certain: Collection[str], differing: Mapping[str, str | None]) -> bool:
    """Whether an earlier run fits in all that is certain, whatever the deps turn out to be that are not.

    `certain` are the paths of the deps whose hashes are known. `differing` are paths that will be otherwise than with
    the hash that stands beside each.
    """
    if not _is_kept(stage):
        return False
    return any(
        _fits(record, stage, certain, differing) and _has_outputs(stage, record)
        for record in _read_all(stage, [_hash_of(dep) for dep in stage.deps if dep.def_path in certain])
    )


def _hash_of(dep: Any) -> str:
    return "" if isinstance(dep, ParamsDependency) else str(dep.hash_info.value or "")


def _is_kept(stage: PipelineStage) -> bool:
    """Whether DVC keeps a record of this stage's runs at all."""
    if stage.always_changed or stage.is_callback or not (stage.cmd and stage.deps and stage.outs):
        return False
    local = all(entry.protocol == "local" and entry.def_path for entry in (*stage.deps, *stage.outs))
    return local and not any(out.persist or not out.is_in_repo for out in stage.outs)


def _read_newest(stage: PipelineStage, key: str) -> Record | None:
    """The record that DVC takes where several runs of the same gave other outputs."""
    cache = stage.repo.stage_cache
    folder = Path(cache._get_cache_dir(key))
    newest = max(folder.iterdir(), key=lambda file: file.stat().st_mtime, default=None) if folder.is_dir() else None
    return cache._load_cache(key, newest.name) if newest else None


def _read_all(stage: PipelineStage, hashes: Collection[str]) -> Iterator[Record]:
    """Every record in whose text all the hashes stand: parsing takes longer than looking."""
    cache = stage.repo.stage_cache
    for file in sorted(Path(cache.cache_dir).glob("*/*/*")):
        text = file.read_text(encoding="utf-8", errors="replace") if len(file.name) == len(file.parent.name) else ""
        if text and all(value in text for value in hashes):
            record = cache._load_cache(file.parent.name, file.name)
            if record:
                yield record


def _fits(record: Record, stage: PipelineStage, certain: Collection[str], differing: Mapping[str, str | None]) -> bool:
    if record["cmd"] != stage.cmd or {out["path"] for out in record["outs"]} != {out.def_path for out in stage.outs}:
        return False
    plain = [dep for dep in stage.deps if not isinstance(dep, ParamsDependency)]
    then = {dep["path"]: dep.get(dep.get("hash", "md5")) for dep in record.get("deps", [])}
    if then.keys() != {dep.def_path for dep in plain}:
        return False
    if any(then[path] == value for path, value in differing.items()):
        return False
    if any(then[dep.def_path] != dep.hash_info.value for dep in plain if dep.def_path in certain):
        return False
    now = {dep.def_path: dep.hash_info.value for dep in stage.params}
    return bool(record.get("params", {}) == now)


def _has_outputs(stage: PipelineStage, record: Record) -> bool:
    return bool(stage.repo.stage_cache._create_stage(record, wdir=stage.wdir).outs_cached())
