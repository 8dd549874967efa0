"""Describe the machine that a measurement ran on: what changes its figures, and nothing that names its owner.

No host name, user name, path or serial number gets in: metric files are published.
"""

import importlib.metadata
import os
import platform
from collections.abc import Iterable
from pathlib import Path

import psutil

from distil.core.runtime import count_cores

CPU_FLAGS = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16", "i8mm", "bf16", "sve")
PACKAGES = ("numpy", "onnxruntime", "onnxruntime-gpu", "scikit-learn", "tokenizers", "torch", "transformers")


def describe_machine(threads: int, provider: str, gpu: str | None = None) -> dict[str, object]:
    """CPU, the flags that decide the speed of int8 and bf16, memory, versions, and the load at this moment.

    `threads` is what the systems were given, `provider` what ran the ONNX models (an execution provider of ONNX
    Runtime), `gpu` its name where one was used. `cpu_quota` is how many cores' time the container may use (null: as
    much as there is), `virtual` whether a hypervisor shares out the CPU (null where it does not say).

    Call it right before measuring: `load_average` (one minute, null on Windows) still holds what this run did before,
    `busy_share` is the share of all cores that anything used during one second from now.
    """
    cpu, flags = _read_cpu()
    return {
        "cpu": cpu,
        "cores": count_cores(),
        "cpu_quota": read_cpu_quota(),
        "threads": threads,
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "gpu": gpu,
        "virtual": "hypervisor" in flags if "fpu" in flags else None,  # x86 alone says
        "flags": [flag for flag in CPU_FLAGS if flag in flags],
        "os": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": _read_versions(PACKAGES),
        "provider": provider,
        "load_average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "busy_share": round(psutil.cpu_percent(interval=1.0) / 100, 2),
    }


def _read_cpu(cpuinfo: Path = Path("/proc/cpuinfo")) -> tuple[str, set[str]]:
    """The CPU's model name and flags, as Linux tells them; elsewhere the name that Python knows."""
    fields: dict[str, str] = {}
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            fields.setdefault(key.strip(), value.strip())
    name = fields.get("model name") or platform.processor() or platform.machine() or "unknown"
    return name, set((fields.get("flags") or fields.get("Features") or "").split())


def read_cpu_quota(cgroups: Path = Path("/sys/fs/cgroup")) -> float | None:
    """The container's limit in cores, by control groups of version 2 or 1; null if it has none."""
    files = [cgroups / "cpu.max"], [cgroups / "cpu/cpu.cfs_quota_us", cgroups / "cpu/cpu.cfs_period_us"]
    for parts in files:
        if all(part.exists() for part in parts):
            quota, period = " ".join(part.read_text(encoding="ascii") for part in parts).split()
            return None if quota in {"max", "-1"} else round(int(quota) / int(period), 2)
    return None


def _read_versions(packages: Iterable[str]) -> dict[str, str]:
    installed = {}
    for package in packages:
        try:
            installed[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return installed
