"""Losses against MONAI's: time of forward and backward, and extra memory, on the same arrays in the same run.

Time: the fastest of several repeats, ours and MONAI's in turn. Memory: what one step adds to a fresh process at its
highest (VmHWM - VmRSS), with every larger array returned to the system when freed. On a GPU also the Triton kernels and
the share of the measured copy bandwidth that they reach. Speed belongs here, never in a test.

    python Testing/benchmarks/losses.py [--threads 2] [--repeats 15]
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import subprocess
import sys
import time

import torch

SHAPES = {"2x2x96^3 softmax": (2, 2, 96, 96, 96), "1x1x128^3 sigmoid": (1, 1, 128, 128, 128)}
PAIRS = {
    "Tversky": {"name": "tversky", "alpha": 0.3, "beta": 0.7},
    "Dice": {"name": "dice"},
    "generalized Dice": {"name": "generalized_dice"},
    "focal": {"name": "focal", "alpha": 0.75},
    "Dice + focal": {"name": "sum", "terms": [{"name": "dice"}, {"name": "focal", "alpha": 0.75}]},
    "cross-entropy": {"name": "cross_entropy"},
    "Lovasz hinge": {"name": "lovasz_hinge"},
}


def arrays(shape, device="cpu"):
    """Logits that want a gradient, and a target with 1% lesion."""
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(shape, generator=random).to(device).requires_grad_()
    target = (torch.rand((shape[0], 1, *shape[2:]), generator=random) < 0.01).float().to(device)
    return logits, target


def ours(name):
    from LesionSegmentationTraining.losses import build_loss

    return build_loss(PAIRS[name])


def monais(name, channels):
    """MONAI's loss of this name, or None where it has none."""
    import monai.losses as losses

    how = {"softmax": True, "include_background": False, "to_onehot_y": True} if channels == 2 else {"sigmoid": True}
    whole = how | ({"include_background": True} if channels == 2 else {})
    how |= {"batch": True}
    made = {
        "Tversky": lambda: losses.TverskyLoss(alpha=0.3, beta=0.7, smooth_nr=0, **how),
        "Dice": lambda: losses.DiceLoss(smooth_nr=0, **how),
        "generalized Dice": lambda: losses.GeneralizedDiceLoss(batch=True, **whole),
        "focal": lambda: losses.FocalLoss(alpha=0.75, use_softmax=channels == 2, to_onehot_y=channels == 2),
        "Dice + focal": lambda: losses.DiceFocalLoss(alpha=0.75, **how),
    }
    return made[name]() if name in made else None


def step(loss, logits, target) -> None:
    """Forward and backward."""
    logits.grad = None
    loss(logits, target).backward()


def fastest(losses: list, logits, target, repeats: int) -> list[float]:
    """Least seconds of each loss; they take turns, so that a disturbance hits all alike."""
    least = [float("inf")] * len(losses)
    wait = torch.cuda.synchronize if logits.is_cuda else lambda: None
    for repeat in range(repeats + 2):
        for index, loss in enumerate(losses):
            wait()
            start = time.perf_counter()
            step(loss, logits, target)
            wait()
            if repeat >= 2:
                least[index] = min(least[index], time.perf_counter() - start)
    return least


def extra_memory(name: str, whose: str, shape, threads: int) -> float:
    """Megabytes that one step adds at its highest, in a fresh process."""
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    command = [sys.executable, __file__, "--memory", json.dumps([name, whose, shape, threads])]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[-1])


def measure_memory(name: str, whose: str, shape, threads: int) -> None:
    """What :func:`extra_memory` runs: warm up on small arrays, then one step on the large ones."""
    torch.set_num_threads(threads)
    loss = ours(name) if whose == "ours" else monais(name, shape[1])
    step(loss, *arrays((shape[0], shape[1], 16, 16, 16)))
    logits, target = arrays(shape)
    gc.collect()
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before = status("VmRSS")
    step(loss, logits, target)
    print((status("VmHWM") - before) / 1e3)


def status(field: str) -> int:
    """A memory figure of this process in kB."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(field + ":"))


def copy_bandwidth(device: str) -> float:
    """Bytes a second of a device-to-device copy of 1 GiB, read and write counted."""
    source = torch.zeros(1 << 28, device=device)
    target = torch.empty_like(source)
    least = float("inf")
    for _ in range(10):
        torch.cuda.synchronize()
        start = time.perf_counter()
        target.copy_(source)
        torch.cuda.synchronize()
        least = min(least, time.perf_counter() - start)
    return 2 * source.numel() * 4 / least


def on_gpu(repeats: int) -> None:
    """The kernels against the torch path and the copy bandwidth; nothing where there is no GPU."""
    if not torch.cuda.is_available():
        print("\nNo GPU here: the Triton kernels were not measured.")
        return
    from LesionSegmentationTraining.losses import triton_tversky

    bandwidth = copy_bandwidth("cuda")
    print(f"\n{torch.cuda.get_device_name()}: copy bandwidth {bandwidth / 1e9:.0f} GB/s")
    for shape in [*SHAPES.values(), (4, 1, 192, 192, 192)]:
        logits, target = arrays(shape, "cuda")
        loss = ours("Tversky")
        (kernels,) = fastest([loss], logits, target, repeats)
        usable, triton_tversky.usable = triton_tversky.usable, lambda voxels: False
        (torch_path,) = fastest([loss], logits, target, repeats)
        triton_tversky.usable = usable
        # forward reads logits and target, backward reads both again and writes the gradient
        moved = 4 * (3 * logits.numel() + 2 * target.numel())
        print(
            f"{shape}: kernels {kernels * 1e3:.3f} ms, torch {torch_path * 1e3:.3f} ms, "
            f"{moved / kernels / bandwidth:.0%} of the copy bandwidth"
        )


def compare(title: str, options: argparse.Namespace) -> None:
    """Print the table of one shape. What ran before in a process changes MONAI's times, so each has its own."""
    shape = SHAPES[title]
    logits, target = arrays(shape)
    size = logits.numel() * 4 / 1e6
    print(f"{title} (logits {size:.0f} MB)")
    print("| loss | ours ms | MONAI ms | times faster | ours MB | MONAI MB | share of its memory |")
    print("|---|---|---|---|---|---|---|")
    for name in PAIRS:
        peer = monais(name, shape[1])
        seconds = fastest([ours(name), *([peer] if peer else [])], logits, target, options.repeats)
        memory = [extra_memory(name, whose, shape, options.threads) for whose in ("ours", "monai")[: len(seconds)]]
        row = [name, f"{seconds[0] * 1e3:.1f}", "-", "-", f"{memory[0]:.1f}", "-", "-"]
        if peer:
            row[2:4] = [f"{seconds[1] * 1e3:.1f}", f"{seconds[1] / seconds[0]:.2f}"]
            row[5:7] = [f"{memory[1]:.1f}", f"{memory[0] / memory[1]:.2f}"]
        print("| " + " | ".join(row) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--memory", help=argparse.SUPPRESS)
    parser.add_argument("--shape", choices=SHAPES, help="this shape alone; otherwise each in a process of its own")
    options = parser.parse_args()
    if options.memory:
        measure_memory(*json.loads(options.memory))
        return
    torch.set_num_threads(options.threads)
    if options.shape:
        compare(options.shape, options)
        return
    import monai

    print(
        f"torch {torch.__version__}, MONAI {monai.__version__}, {platform.processor() or platform.machine()}, ", end=""
    )
    print(f"{options.threads} threads, fastest of {options.repeats}")
    for title in SHAPES:
        print(flush=True)
        again = ["--shape", title, "--threads", str(options.threads), "--repeats", str(options.repeats)]
        subprocess.run([sys.executable, __file__, *again], check=True)
    on_gpu(options.repeats)


if __name__ == "__main__":
    main()
