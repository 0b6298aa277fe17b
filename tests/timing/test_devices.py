"""Devices, what they can do, and how fast they are at best."""

import shutil

import pytest
import torch

from core.timing import devices, limits
from core.timing.settings import DTYPES, Settings
from tests.timing.fakes import LIMITS, Clock, operator


def test_the_cpu_comes_first_under_a_readable_name():
    first = devices.devices()[0]
    assert first.key == "cpu"
    assert first.name == devices.cpu_name() != ""
    assert str(first) == f"{first.name} (cpu)"


def test_the_default_is_an_accelerator_where_there_is_one(monkeypatch):
    assert devices.default() in devices.devices()
    monkeypatch.setattr(devices, "devices", lambda: (devices.Device("cpu", "A"), devices.Device("cuda:0", "B")))
    assert devices.default().key == "cuda:0"
    assert devices.named("cuda").name == "B"
    assert devices.without_gpu() == ""


def test_without_a_gpu_a_sentence_says_so(monkeypatch):
    monkeypatch.setattr(devices, "devices", lambda: (devices.Device("cpu", "A"),))
    assert devices.without_gpu().startswith("No GPU here")


def test_a_device_that_is_not_here_is_refused():
    with pytest.raises(ValueError, match="device must be among cpu"):
        devices.named("cuda:77")


def test_dtypes_of_a_device():
    assert devices.dtypes("cpu") == DTYPES
    assert "float64" not in devices.dtypes("mps")


def test_kibibytes():
    assert [devices._kibibytes(text) for text in ("32K\n", "32768K", "1M", "512")] == [2**15, 2**25, 2**20, 512]
    assert devices.last_level_cache("cpu") >= 2**15


def test_no_compiler_is_said_with_what_was_looked_for(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.delenv("CXX", raising=False)
    assert "C++ compiler" in devices.compiler_missing("cpu")
    assert "c++" in devices.compiler_missing("cpu")
    monkeypatch.setenv("CXX", "my-compiler")
    assert "my-compiler" in devices.compiler_missing("cpu")
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    assert devices.compiler_missing("cpu") == ""


def test_a_compilation_that_fails_is_said_with_the_reason(monkeypatch):
    def refuse(function):
        raise RuntimeError("the linker is missing\nand more lines")

    monkeypatch.setattr(devices, "compiler_missing", lambda key: "")
    monkeypatch.setattr(torch, "compile", refuse)
    assert devices.compile_failure.__wrapped__("cpu") == (
        "torch.compile fails here: RuntimeError: the linker is missing"
    )
    monkeypatch.setattr(torch, "compile", lambda function: function)
    assert devices.compile_failure.__wrapped__("cpu") == ""


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_limits_are_measured(monkeypatch, dtype):
    monkeypatch.setattr(limits, "RUN_S", 0.01)
    measured = limits.measure(Settings(dtype=dtype))
    assert measured.bytes_per_s > 1e6
    assert measured.operations_per_s > 1e6


def test_the_floor_is_the_slower_of_moving_and_computing():
    moving = operator(Clock())  # 2·n·4 bytes at 1e6/s against n operations at 1e9/s
    assert limits.floor_s(moving, 10, Settings(), LIMITS) == pytest.approx(80e-6)
    assert limits.floor_s(moving, 10, Settings(dtype="float64"), LIMITS) == pytest.approx(160e-6)
    assert limits.floor_s(moving, 10, Settings(backward=True), LIMITS) == pytest.approx(160e-6)
    computing = operator(Clock(), operations=lambda n: n * 10**6)
    assert limits.floor_s(computing, 10, Settings(), LIMITS) == pytest.approx(10e-3)
