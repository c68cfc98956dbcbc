"""What the GPU backend does not take, and what it does when the card or the compiler fails."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from tests.backends.agreement import call_of, results

import cellwright as cw
from cellwright.backends import eager
from cellwright.backends import triton as gpu
from cellwright.backends.cpu.outside import given_of
from cellwright.backends.triton import card, launch, pace, source
from cellwright.backends.triton.emit import emit
from cellwright.runtime.choose import plan_of

CUDA = torch.device("cuda", 0)


def test_the_cpus_tensors_are_refused_without_an_import_of_triton() -> None:
    code = (
        "import sys, torch, cellwright as cw; x = torch.zeros(3, 2, 3);"
        "layer = cw.nn.Recurrent('mgu', 3, 4).half();"
        "print(cw.explain(layer, x.half())); layer(x.half()); cw.show(cw.cells.gru, 'triton');"
        "assert 'triton' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "not triton: the input is on cpu, not on an NVIDIA GPU" in done.stdout


def test_a_card_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (7, 5))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Tesla T4")
    assert card.refuses(CUDA) == "the Tesla T4 is of compute capability 7.5, and the kernels need 8.0"
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))
    assert card.refuses(CUDA) is None


def test_triton_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    monkeypatch.setattr(gpu.backend, "installed", lambda: False)
    graph, call = call_of("gru", 3, 2, 3, 4, torch.float32, None)
    assert gpu.refuses(plan_of(graph), call) == 'Triton is not installed: pip install "cellwright[gpu]"'


@pytest.mark.usefixtures("interpreter")
def test_types_that_are_mixed_or_unknown() -> None:
    graph = cw.cells.gru.graph
    mixed = cw.nn.Recurrent("gru", 3, 4).double().call(torch.zeros(3, 2, 3, dtype=torch.float64))
    assert gpu.refuses(plan_of(graph), mixed) is None, "the interpreter takes float64"
    object.__setattr__(mixed, "states", {"h": torch.zeros(2, 4)})
    assert "float32, bfloat16 or float16 throughout" in str(gpu.refuses(plan_of(graph), mixed))


def test_another_device_than_the_weights_is_the_users_mistake() -> None:
    layer = cw.nn.Recurrent("gru", 3, 4)
    with pytest.raises(
        cw.ShapeError, match="on another device than the weights: got meta, expected cpu; x.to"
    ):
        layer(torch.zeros(3, 2, 3, device="meta"))


@pytest.mark.usefixtures("interpreter")
@pytest.mark.parametrize("name", ["forward", "backward"])
def test_a_kernel_that_does_not_compile(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One warning with the cell's name and the source; the numbers are the reference's; it is not tried again."""

    def fails(kernel: object, *rest: object) -> None:
        if kernel.fn.__name__ == name:
            raise launch.KernelError(f"its kernel does not run ({kernel.fn.__code__.co_filename}): too large")
        start(kernel, *rest)

    start = launch.start
    monkeypatch.setattr(launch, "start", fails)
    graph, call = call_of("mgu", 3, 2, 3, 5, torch.float64, None)
    launch.kernel(graph).failed.clear()
    plan = plan_of(graph)
    with pytest.warns(
        UserWarning, match="runs `mgu` without its GPU kernel: .*mgu-.*\\.py.*too large"
    ) as said:
        got = results(gpu, graph, call)
    file = str(said[0].message).split("(")[1].split(")")[0]
    assert len(said) == 1 and "def backward(" in Path(file).read_text()
    for key, value in results(eager, graph, call).items():
        torch.testing.assert_close(got[key], value, rtol=1e-11, atol=1e-12)
    assert "too large" in str(gpu.refuses(plan, call))
    launch.kernel(graph).failed.clear()


@pytest.mark.usefixtures("interpreter")
def test_a_kernel_too_large_for_the_card_has_a_smaller_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Matrices that could not be held after all are read; one warning."""

    def fails(kernel: object, *rest: object) -> None:
        if Path(kernel.fn.__code__.co_filename) == held:
            raise launch.KernelError("out of resource: shared memory", room=True)
        start(kernel, *rest)

    graph, call = call_of("mgu", 2, 2, 3, 7, torch.float64, None)
    held = source.source_file(launch.kernel(graph).program.text, "mgu")
    start = launch.start
    monkeypatch.setattr(launch, "start", fails)
    plan = plan_of(graph)
    try:
        with pytest.warns(UserWarning, match="shared memory"):
            gpu.run(plan, call)
        assert gpu.refuses(plan, call) is None
        assert "read anew at every step" in gpu.notes(plan, call)[1]
        for key, value in results(eager, graph, call).items():
            torch.testing.assert_close(results(gpu, graph, call)[key], value, rtol=1e-11, atol=1e-12)
    finally:
        launch.kernel(graph).failed.clear()


@pytest.mark.usefixtures("interpreter")
def test_one_compiled_kernel_serves_weights_that_begin_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Triton compiles anew for every pattern of addresses that are multiples of 16."""
    seen: list[int] = []

    def watched(kernel: object, grid: object, arguments: dict, *rest: object) -> None:
        seen.extend(v.data_ptr() for v in arguments.values() if isinstance(v, torch.Tensor))
        start(kernel, grid, arguments, *rest)

    start = launch.start
    monkeypatch.setattr(launch, "start", watched)
    graph, call = call_of("indrnn", 2, 2, 3, 5, torch.float32, None)

    def moved(v: torch.Tensor) -> torch.Tensor:
        other = torch.empty(v.numel() + 1)[1:].view(v.shape)
        return other.copy_(v.detach()).requires_grad_()

    weights, states = ({k: moved(v) for k, v in group.items()} for group in (call.weights, call.states))
    call = replace(call, weights=weights, states=states)
    got, exact = results(gpu, graph, call), results(eager, graph, call)
    assert any(v.data_ptr() % 16 for v in weights.values()) and not any(place % 16 for place in seen)
    for key, value in exact.items():
        torch.testing.assert_close(got[key], value, rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(not hasattr(torch.backends.cuda.matmul, "fp32_precision"), reason="torch before 2.9")
def test_torchs_newer_setting_of_precision_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it was used, torch refuses to tell the older one."""
    graph, call = call_of("mgu", 2, 2, 3, 5, torch.float32, None)
    k = launch.kernel(graph)
    given = given_of(k.program.base, call)
    assert launch.how_of(k, given, {"H": 5, "I": 3}).precision == "tf32x3"
    before = torch.backends.cuda.matmul.fp32_precision
    torch.backends.cuda.matmul.fp32_precision = "tf32"
    try:
        assert launch.how_of(k, given, {"H": 5, "I": 3}).precision == "tf32"
    finally:
        torch.backends.cuda.matmul.fp32_precision = before


def test_steps_times_sequences_may_pass_32_bits() -> None:
    """A row's place is a number of 64 bits before it is multiplied."""
    for name, joint in product(("mgu", "lstm_layer_norm"), (False, True)):
        for kernel in emit(cw.cells.all()[name].graph, joint=joint).kernels.values():
            assert "at = step * batch + rows" in kernel.text and "batch = tl.cast(B, tl.int64)" in kernel.text
            assert "rows = block * ROWS" in kernel.text or "program_id(0).to(tl.int64) * ROWS" in kernel.text
            assert ".to(tl.int64)\n" in kernel.text and "step * B " not in kernel.text


@pytest.mark.usefixtures("interpreter")
def test_memory_that_runs_out_says_what_would_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(launch, "start", fails)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (4096, 8192))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 0)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 0)
    graph, call = call_of("gru", 3, 2, 3, 4, torch.float32, None)
    with pytest.raises(
        cw.RoomError, match=r"gru over 3 steps\): got 2 sequences of .* a batch of at most \d+"
    ):
        gpu.run(plan_of(graph), call)


def test_what_cannot_fit_is_refused_before_anything_is_launched(monkeypatch: pytest.MonkeyPatch) -> None:
    """2,000 steps of 4,096 sequences: feeds and outputs of 5 x 256 float32 each."""
    gib = 1 << 30
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(total_memory=80 * gib))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (30 * gib, 80 * gib))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 3 * gib)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 2 * gib)
    layer = cw.nn.Recurrent("peephole", 3, 256)
    k = launch.kernel(layer.running().graph)
    call = layer.call(torch.zeros(1, 1, 3).expand(2000, 4096, 3))
    given = given_of(k.program.base, call)
    how = launch.how_of(k, given, {"H": 256, "I": 3})
    each = 2000 * 5 * 256 * 4
    with pytest.raises(
        cw.RoomError, match=rf"got 4096 sequences of {each / 2**20:.1f} MiB, expected at most 31744"
    ):
        card.need_room("peephole", how, False, CUDA)
    few = replace(how, batch=31 * gib // each)
    card.need_room("peephole", few, False, CUDA)
    card.need_room("peephole", how, False, torch.device("cpu"))


def test_a_card_that_cannot_be_measured_is_assumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No figure is kept then, and nothing is said: a layout is chosen all the same."""

    def fails(_: torch.device) -> pace.Pace:
        raise launch.KernelError("its kernel does not run: too many programs")

    monkeypatch.setenv("CELLWRIGHT_CACHE", str(tmp_path))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "NVIDIA H100")
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)
    monkeypatch.setattr(pace, "measured", fails)
    assert pace._pace(CUDA) is pace.ASSUMED and not list(tmp_path.iterdir())
    monkeypatch.setattr(pace, "measured", lambda _: pace.Pace(1.0, 90.0, 2.5, True))
    assert pace._pace(CUDA).meet == 1.0 and len(list(tmp_path.iterdir())) == 1
    monkeypatch.setattr(pace, "measured", fails)
    assert pace._pace(CUDA).measured


def test_an_altered_source_is_written_anew() -> None:
    file = source.source_file("x = 1\n", "altered")
    assert source.module("x = 1\n", "altered").x == 1
    file.write_text("x = 2\n")
    source._module.cache_clear()
    assert source.module("x = 1\n", "altered").x == 1
    assert file.read_text() == "x = 1\n"
