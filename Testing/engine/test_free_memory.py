"""Free memory of GPUs as nvidia-smi tells it, and what is said where it tells nothing."""

import os
import types

import pytest
import torch

from LesionSegmentationLib.engine import device
from LesionSegmentationLib.engine.free_memory import free_gpu_memory


@pytest.fixture
def smi(tmp_path, monkeypatch):
    """Writes an nvidia-smi of the given shell text, the only one there is."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")

    def write(text):
        script = tmp_path / "nvidia-smi"
        script.write_text(f"#!/bin/sh\n{text}\n")
        script.chmod(0o755)

    return write


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for nvidia-smi is a shell script")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("echo 'GPU-aa-1, 20480'; echo 'GPU-bb-2, 512'", {"aa-1": 20.0, "bb-2": 0.5}),
        ("echo 'GPU-aa-1, [N/A]'", {}),
        ("echo 'No devices were found'; exit 6", {}),
        ("exit 0", {}),
    ],
)
def test_what_nvidia_smi_says(smi, text, expected):
    smi(text)
    assert free_gpu_memory() == expected


def test_without_nvidia_smi_nothing_is_known(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert free_gpu_memory() == {}


def test_devices_for_a_person(monkeypatch):
    cards = [
        types.SimpleNamespace(name="NVIDIA One", total_memory=24 * 2**30, uuid="aa-1"),
        types.SimpleNamespace(name="NVIDIA Two", total_memory=8 * 2**30),  # older torch: no uuid
    ]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: cards[index])
    monkeypatch.setattr(device, "free_gpu_memory", lambda: {"aa-1": 20.0})
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert device.describe_devices() == [
        {"name": "cuda:0", "text": "CUDA, NVIDIA One, 20 GB free"},
        {"name": "cuda:1", "text": "CUDA, NVIDIA Two, 8 GB"},
        {"name": "cpu", "text": "CPU, 2 threads"},
    ]
