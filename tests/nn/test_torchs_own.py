"""PyTorch's own table of its RNN, GRU and LSTM, pointed at ours.

torch's wheel carries the inputs, references and refusals that its `test/test_modules.py` runs every module over
(`torch.testing._internal.common_modules.module_db`). The checks are that file's, by name, each for our class in
the place of torch.nn's; 80 inputs and 42 refusals in torch 2.13.
"""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map

import cellwright as cw

KINDS = ("RNN", "GRU", "LSTM")
DTYPES = (torch.float32, torch.float64)
both_modes = pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)
every_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def table() -> dict[str, Any]:
    """torch's entries by name of the class; importing them takes seconds, so not before a test asks."""
    pytest.importorskip("expecttest", reason="torch.testing._internal needs it")
    from torch.testing._internal.common_modules import module_db

    # The import forbids setting flags of back-ends for the rest of the process.
    vars(torch.backends)["__allow_nonbracketed_mutation_flag"] = True
    return {
        info.module_cls.__name__: info
        for info in module_db
        if info.module_cls.__module__ == "torch.nn.modules.rnn"
    }


def inputs(
    table: dict[str, Any], kind: str, dtype: torch.dtype, training: bool, grad: bool = False
) -> list[Any]:
    """torch's inputs of one class: arguments of the constructor and of the call."""
    info = table[kind]
    found = info.module_inputs_func(info, device="cpu", dtype=dtype, requires_grad=grad, training=training)
    assert len(found) == {"RNN": 32, "GRU": 16, "LSTM": 32}[kind] or torch.__version__ < "2.13"
    return list(found)


def made(kind: str, case: Any, dtype: torch.dtype, training: bool) -> Any:
    torch.manual_seed(1)
    arguments = case.constructor_input
    module = getattr(cw.nn, kind)(*arguments.args, **arguments.kwargs)
    return module.to("cpu").to(dtype).train(training)


def called(module: Any, case: Any) -> Any:
    return module(*case.forward_input.args, **case.forward_input.kwargs)


def same(got: Any, expected: Any) -> None:
    ours, theirs = tree_flatten(got)[0], tree_flatten(expected)[0]
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)


# torch.nn says of its own projected LSTM that it runs more slowly.
@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@every_kind
@every_dtype
@both_modes
def test_forward(table: dict[str, Any], kind: str, dtype: torch.dtype, training: bool) -> None:
    for case in inputs(table, kind, dtype, training):
        module = made(kind, case, dtype, training)
        y = called(module, case)
        same(y, case.reference_fn(module, *case.forward_input.args, **case.forward_input.kwargs))
        theirs = getattr(torch.nn, kind)(*case.constructor_input.args, **case.constructor_input.kwargs).to(
            dtype
        )
        theirs.load_state_dict(module.state_dict())
        same(y, called(theirs, case))
        assert repr(module) == repr(theirs) and str(module)
        assert all(p.dtype == dtype for p in module.parameters())


@every_kind
@every_dtype
def test_factory_kwargs(table: dict[str, Any], kind: str, dtype: torch.dtype) -> None:
    for case in inputs(table, kind, dtype, True):
        arguments = case.constructor_input
        for device in ("cpu", "meta"):
            module = getattr(cw.nn, kind)(*arguments.args, **arguments.kwargs, device=device, dtype=dtype)
            assert {(p.device.type, p.dtype) for p in module.parameters()} == {(device, dtype)}
        assert {p.device.type for p in module.to_empty(device="cpu").parameters()} == {"cpu"}
        with torch.device("meta"):
            module = getattr(cw.nn, kind)(*arguments.args, **arguments.kwargs)
        assert {p.device.type for p in module.parameters()} == {"meta"}


@every_kind
@both_modes
def test_pickle(table: dict[str, Any], kind: str, training: bool) -> None:
    for case in inputs(table, kind, torch.float64, training):
        module, file = made(kind, case, torch.float64, training), io.BytesIO()
        torch.save(module, file)
        file.seek(0)
        same(called(torch.load(file, weights_only=False), case), called(module, case))


def spread(value: Any) -> Any:
    """The same numbers in a tensor that is not contiguous."""
    if not isinstance(value, Tensor):
        return value
    return value.detach().repeat_interleave(2, -1)[..., ::2].requires_grad_(value.requires_grad)


def slopes(module: Any, args: Any, kwargs: Any, weight: Any) -> list[Any]:
    outputs = tree_flatten(module(*args, **kwargs))[0]
    leaves = [*tree_flatten((args, kwargs))[0], *module.parameters()]
    found = torch.autograd.grad(outputs, leaves, [weight(v) for v in outputs])
    return [*outputs, *found]


@every_kind
@both_modes
def test_non_contiguous_tensors(table: dict[str, Any], kind: str, training: bool) -> None:
    for case in inputs(table, kind, torch.float64, training, grad=True):
        module, given = made(kind, case, torch.float64, training), case.forward_input
        plain = slopes(module, given.args, given.kwargs, torch.cos)
        loose_args, loose_kwargs = tree_map(spread, (tuple(given.args), dict(given.kwargs)))
        same(slopes(module, loose_args, loose_kwargs, torch.cos), plain)
        same(slopes(module, given.args, given.kwargs, lambda v: spread(torch.cos(v.detach()))), plain)


@every_kind
@pytest.mark.parametrize(
    "check", [torch.autograd.gradcheck, torch.autograd.gradgradcheck], ids=["grad", "gradgrad"]
)
@both_modes
def test_gradients(table: dict[str, Any], kind: str, check: Any, training: bool) -> None:
    # Second derivatives of all of it take a minute (docs/log.md): a part here, another in the other mode.
    every = 2 if check is torch.autograd.gradcheck else 8
    for case in inputs(table, kind, torch.float64, training, grad=True)[3 * int(training) :: every]:
        module = made(kind, case, torch.float64, training)
        leaves, form = tree_flatten((tuple(case.forward_input.args), dict(case.forward_input.kwargs)))
        names = [name for name, _ in module.named_parameters()]

        def run(*flat: Tensor, module: Any = module, form: Any = form, names: Any = names) -> list[Tensor]:
            args, kwargs = torch.utils._pytree.tree_unflatten(list(flat[: -len(names)]), form)
            weights = dict(zip(names, flat[-len(names) :], strict=True))
            return tree_flatten(torch.func.functional_call(module, weights, args, kwargs))[0]

        assert check(run, (*leaves, *module.parameters()), fast_mode=True)


@every_kind
@every_dtype
def test_errors(table: dict[str, Any], kind: str, dtype: torch.dtype) -> None:
    info = table[kind]
    cases = info.module_error_inputs_func(info, device="cpu", dtype=dtype, requires_grad=False, training=True)
    assert len(cases) == 14 or torch.__version__ < "2.13"
    for case in cases:
        arguments = case.module_error_input.constructor_input
        with pytest.raises(case.error_type, match=case.error_regex) as caught:
            module = getattr(cw.nn, kind)(*arguments.args, **arguments.kwargs)
            called(module, case.module_error_input)
        assert isinstance(caught.value, cw.UserError) and "\n" not in str(caught.value)
