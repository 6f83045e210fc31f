"""How much memory NVIDIA's GPUs have free, without opening them: that takes some, and fails where they are reserved."""

from __future__ import annotations

import shutil
import subprocess

__all__ = ["free_gpu_memory"]

_QUERY = ["--query-gpu=uuid,memory.free", "--format=csv,noheader,nounits"]


def free_gpu_memory() -> dict[str, float]:
    """Return the free memory in GB (2^30 bytes) by the GPU's UUID; empty where nvidia-smi is not there or silent."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return {}
    try:
        answer = subprocess.run(
            [program, *_QUERY],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        ).stdout
        rows = [line.split(",") for line in answer.splitlines() if line.strip()]
        return {uuid.strip().removeprefix("GPU-"): float(mebibytes) / 1024 for uuid, mebibytes in rows}
    except (OSError, subprocess.SubprocessError, ValueError):
        return {}
