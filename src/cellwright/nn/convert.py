"""torch.nn's recurrent layers inside a model become ours, and back. Floor 4.

Refuses subclasses of torch.nn's layers: their own code would be lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from torch import nn

from cellwright.errors import KindError, SettingError
from cellwright.nn.dropin import GRU, LSTM, RNN

Table = Mapping[type[nn.Module], type[nn.Module]]
Model = TypeVar("Model", bound=nn.Module)
OURS: Table = {nn.RNN: RNN, nn.LSTM: LSTM, nn.GRU: GRU}
THEIRS: Table = {ours: theirs for theirs, ours in OURS.items()}


def convert(model: Model, *, back: bool = False, leave: Sequence[str] = ()) -> Model:
    """Put ours in the place of every torch.nn.RNN, LSTM and GRU inside a model.

    The parameters themselves go over, so that an optimiser made before, tied weights, requires_grad, dtype
    and device stay as they are; so do train or eval mode, hooks of every kind and attributes that a program
    has set. A layer that stands in several places is converted once. The model is changed in place.

    Args:
        model: any module; a recurrent layer by itself, too.
        back: from ours to torch.nn's.
        leave: names of submodules, as in `model.named_modules()`, to leave as they are, with all inside them.

    Returns:
        The model; for a recurrent layer by itself the layer in its place.

    Raises:
        SettingError: the model holds a subclass of a layer that would be converted (a parametrized layer is
            one), `leave` names what is not there, or it is no module. The model is left as it was.

    >>> import torch
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.GRU(4, 5))
    >>> convert(model)[1]
    GRU(4, 5)
    >>> type(model[1]).__module__, type(convert(model, back=True)[1]).__module__
    ('cellwright.nn.dropin', 'torch.nn.modules.rnn')
    """
    if not isinstance(model, nn.Module):
        raise KindError("model", model, "torch.nn.Module")
    table: Table = THEIRS if back else OURS
    names = dict(model.named_modules(remove_duplicate=False))
    _need_names(leave, names)
    kinds = tuple(table)
    chosen = {name: m for name, m in names.items() if isinstance(m, kinds) and not _within(name, leave)}
    _need_plain(chosen, table)
    made = {id(old): _changed(old, table) for old in chosen.values()}
    for name, old in chosen.items():
        if not name:
            return made[id(old)]  # type: ignore[return-value]
        parent, _, own = name.rpartition(".")
        names[parent]._modules[own] = made[id(old)]
    return model


def _within(name: str, leave: Sequence[str]) -> bool:
    return any(name == other or name.startswith(f"{other}.") for other in leave)


def _need_names(leave: Sequence[str], names: dict[str, nn.Module]) -> None:
    unknown = [name for name in leave if name not in names]
    if unknown:
        raise SettingError(
            "the model has no such part to leave",
            got=", ".join(unknown),
            expected="names of model.named_modules()",
        )


def _need_plain(chosen: dict[str, nn.Module], table: Table) -> None:
    for name, module in chosen.items():
        if type(module) not in table:
            base = next(kind for kind in table if isinstance(module, kind))
            raise SettingError(
                f"a subclass of {base.__module__.split('.')[0]}'s {base.__name__} cannot be converted: "
                "its own code would be lost",
                where=name or "the model",
                got=type(module).__name__,
                fix=f'convert(model, leave=["{name}"])' if name else None,
            )


def _changed(old: nn.Module, table: Table) -> nn.Module:
    """A layer of the other kind with everything that the old one holds."""
    facts: Any = old
    names = ("input_size", "hidden_size", "num_layers", "bias", "batch_first", "bidirectional")
    arguments = {name: getattr(facts, name) for name in names}
    if isinstance(old, (nn.RNN, RNN)):
        arguments["nonlinearity"] = facts.nonlinearity
    if isinstance(old, (nn.LSTM, LSTM)):
        arguments["proj_size"] = facts.proj_size
    new: nn.Module = table[type(old)](**arguments, device="meta")
    new.dropout = facts.dropout
    own = set(nn.Module().__dict__) - {"_modules"}
    usual = set(type(old)(**arguments, device="meta").__dict__)
    for key, value in old.__dict__.items():
        if key in own or key not in usual:
            new.__dict__[key] = value
    if isinstance(new, nn.RNNBase):
        new._init_flat_weights()
    return new
