"""Devices, what they can do, and how fast they are at best."""

import shutil
from dataclasses import replace

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


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_limits_are_measured(monkeypatch, dtype):
    monkeypatch.setattr(limits, "RUN_S", 0.01)
    monkeypatch.setattr(limits, "COPY_BYTES", 2**22)
    measured = limits.measure(Settings(dtype=dtype))
    for rate in (measured.memory, measured.matrix, measured.elementwise, *(copy.rate for copy in measured.cached)):
        assert 1e6 < rate.low <= rate.median <= rate.high
    sizes = [copy.bytes for copy in measured.cached]
    assert sizes == sorted(sizes)
    assert sizes[-1] <= devices.last_level_cache("cpu")


def test_limits_are_measured_on_random_numbers(monkeypatch):
    seen = []
    watched = lambda done, statement, names, *rest: seen.append(names) or limits.Rate(1e15, 1e15, 1e15)  # noqa: E731
    monkeypatch.setattr(limits, "_rate", watched)
    limits.measure(Settings(dtype="float16"))
    sources = [names.get("source", names.get("a")) for names in seen]
    assert len(sources) > 6
    assert all(len(source.flatten()[:999].unique()) > 500 for source in sources)
    both = {names["a"].dtype for names in seen if "out" in names}
    assert both == {torch.float16, torch.float32}, "short numbers may be widened while they are computed with"


def test_a_matmul_that_is_slower_than_single_sums_limits_nothing():
    slow = limits.Rate(2.9e9, 2.9e9, 2.9e9)
    assert replace(LIMITS, matrix=slow, elementwise=limits.Rate(5e9, 5e9, 5e9)).operations_per_s == 5e9


def test_what_the_cache_holds_may_be_as_fast_as_a_copy_in_the_cache():
    def copy(size, rate):
        return limits.Copy(size, limits.Rate(rate, rate, rate))

    known = replace(LIMITS, cached=(copy(1_000, 3e6), copy(4_000, 5e6), copy(16_000, 2e6)))
    rates = [known.bandwidth(held).median for held in (10, 1_000, 5_000, 16_000, 10**9)]
    assert rates == [5e6, 5e6, 5e6, 2e6, 2e6], "the fastest copy that is no smaller, the one just below among them"
    assert LIMITS.bandwidth(10).median == 1e6
    assert limits.floor_s(operator(Clock()), 10, Settings(), known) == pytest.approx(80 / 5e6)
    assert limits.floor_s(operator(Clock()), 10, Settings(), known, sets=300) == pytest.approx(80 / 2e6)


def test_the_floor_is_the_slower_of_moving_and_computing():
    moving = operator(Clock())  # 2·n·4 bytes at 1e6/s against n operations at 1e9/s
    assert limits.floor_s(moving, 10, Settings(), LIMITS) == pytest.approx(80e-6)
    assert limits.floor_s(moving, 10, Settings(dtype="float64"), LIMITS) == pytest.approx(160e-6)
    assert limits.floor_s(moving, 10, Settings(backward=True), LIMITS) == pytest.approx(160e-6)
    computing = operator(Clock(), operations=lambda n: n * 10**6)
    assert limits.floor_s(computing, 10, Settings(), LIMITS) == pytest.approx(10e-3)
