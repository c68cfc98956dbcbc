"""From a trained estimator and an input to the inside of its network: what its layer reads. Floor 6.

Refuses networks without a recurrent layer, and inputs that the estimator itself would refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor
from torch.nn.functional import ctc_loss

from cellwright.errors import DataError, SettingError
from cellwright.inspect.inside import Inside
from cellwright.page.numbers import number
from cellwright.samples import names as samples
from cellwright.tasks.base import Estimator
from cellwright.tasks.classify import code as classify_code
from cellwright.tasks.classify.labels import from_json
from cellwright.tasks.forecast import facts as forecast_facts
from cellwright.tasks.forecast.intervals import said as forecasts_of
from cellwright.tasks.forecast.series import whole
from cellwright.tasks.forecast.show import written
from cellwright.tasks.generate.write import Writer
from cellwright.tasks.strands import within
from cellwright.tasks.tag import code as tag_code
from cellwright.tasks.tag.code import Sides
from cellwright.tasks.tag.live import LiveSentences
from cellwright.tasks.tag.sentences import normal as tag_sentences
from cellwright.tasks.training.loop import evaluating
from cellwright.tasks.transcribe import code as transcribe_code
from cellwright.tasks.transcribe.alphabet import BLANK, Alphabet
from cellwright.tasks.transcribe.decode import best_path
from cellwright.tasks.transcribe.features import Frames

EMPTY = "∅"
LONGEST = 10_000  # tokens of a text file that are read


def inside(estimator: Estimator[Any, Any], data: str, row: int = 1) -> Inside:
    """The inside of a trained estimator's network on one input.

    Args:
        estimator: fitted or loaded.
        data: a file as the estimator reads it or the name of a bundled sample; for a task on texts also the
            text itself.
        row: which example of a file, from 1.

    Raises:
        SettingError: the network has no recurrent layer; no such row.
        DataError: as the estimator's `predict`.
    """
    check_is_fitted(estimator)
    if estimator.TASK not in TASKS:
        expected = ", ".join(TASKS)
        raise SettingError("the inside of this task is not shown yet", got=estimator.TASK, expected=expected)
    if estimator.cell_ is None:
        got = f"the network `{estimator.cell}`"
        raise SettingError("there is no recurrent layer to look into", got=got, fix="train a run with a cell")
    with evaluating(estimator.network_):
        return TASKS[estimator.TASK](estimator, data, row)


def _is_text(data: str) -> bool:
    """Whether this is meant as a text: no file, no sample, and not the look of a file's name."""
    if data in samples():
        return False
    if not data.strip():
        return True
    try:
        found = Path(data).expanduser().exists()
    except (OSError, ValueError):
        found = False
    return not found and (not Path(data).suffix[1:].isalnum() or any(c.isspace() for c in data.strip()))


def _classify(estimator: Any, data: str, row: int) -> Inside:
    facts, text = estimator.facts_, estimator.facts_["kind"] != "series"
    part = estimator.inputs([data]) if text and _is_text(data) else estimator.read(data)
    part = part.some([_place(row, len(part), data)])
    network: Any = within(estimator.network_)
    x, _ = classify_code.encoded(part, facts, estimator.max_length).pad([0])
    x = x.to(next(network.parameters()).device)
    read = network.first(x)
    logits = network(x, torch.tensor([len(x)], device=x.device))[0]
    probabilities = logits.sigmoid() if "several" in facts else logits.softmax(-1)
    k = int(probabilities.argmax())
    label, share = from_json(facts["labels"][k]), number(float(probabilities[k]), 3)

    def says(y: Tensor) -> Tensor:
        lengths = torch.full((y.shape[1],), len(y), device=y.device)
        logits: Tensor = network.head(network.pool(y, lengths))
        return logits[:, k]

    said = (
        f"says {label}, probability {share}; followed: its logit",
        f"判断为 {label}，概率 {share}；追踪的是它的 logit",
    )
    layer = network.recurrent
    if text:
        tokens = classify_code.tokens_of(part.texts[0], facts) or [EMPTY]
        line = _short(part.texts[0])
        return Inside(layer, read, tuple(tokens[: len(x)]), says, (f"Text: {line}", f"文本：{line}"), said)
    return Inside(
        layer,
        read,
        tuple(str(step) for step in range(1, len(x) + 1)),
        says,
        (f"Series {row} of {data}", f"{data} 的第 {row} 条序列"),
        said,
        signal=torch.from_numpy(part.series[0]),
        names=tuple(str(k + 1) for k in range(part.series[0].shape[1])),
    )


def _forecast(estimator: Any, data: str, row: int) -> Inside:
    facts, network = estimator.facts_, estimator.network_
    panel = estimator.read(data)
    if not 1 <= row <= len(panel.series):
        what = "one input: the end of the data" if len(panel.series) == 1 else "an input for each series"
        raise SettingError(
            f"a forecast has {what}", where="row", got=row, expected=f"1 to {len(panel.series)}"
        )
    forecast_facts.refuse_other_data(panel, facts)
    panel = replace(panel, series=panel.series[row - 1 : row])
    forecast_facts.refuse_short(panel, facts)
    series, extent = panel.first, forecast_facts.extent_of(facts)
    origins = {series.name: np.array([len(series)])}
    windows = forecast_facts.windows(whole(panel), facts, origins, fed=network.fed)
    with evaluating(network):
        x = network.inputs(windows.batch(np.arange(1), answers=False).to(network.trust.device))
    forecast = windows.in_units(forecasts_of(network, windows, np.arange(1))[0], np.arange(1))[0]
    past, member = series.targets[len(series) - extent.window :], network.members[0]
    stamps = series.stamps_ahead(extent.horizon)
    times = range(len(series) - extent.window + 1, len(series) + extent.horizon + 1)
    steps = written(stamps[-len(x) :]) if stamps is not None else [str(time) for time in times]

    def says(y: Tensor) -> Tensor:
        added: Tensor = member.head(y[-extent.horizon :])
        return added.sum((0, 2))

    names = ", ".join(series.names)
    return Inside(
        member.recurrent,
        x,
        tuple(steps),
        says,
        (f"Forecast of {names}", f"预测 {names}"),
        (
            f"forecasts the last {extent.horizon} of these steps; followed: the sum of what it adds there",
            f"预测其中最后 {extent.horizon} 步；追踪的是网络在那里所加之和",
        ),
        signal=torch.from_numpy(np.concatenate((past, forecast))),
        names=tuple(series.names),
    )


def _generate(estimator: Any, data: str, row: int) -> Inside:
    if row != 1:
        raise SettingError("a text has one input: its beginning", where="row", got=row, expected=1)
    network, writer = estimator.network_, Writer(estimator.network_, estimator.facts_)
    text = data if _is_text(data) else estimator.read(data).text
    tokens = writer.vocabulary.tokens(text)[:LONGEST]
    if not tokens:
        raise DataError("the text is empty", where="INPUT", expected="text to look into")
    numbers = writer.prompt(text)[:LONGEST] if _is_text(data) else writer.vocabulary.encode(text)[:LONGEST]
    x = network.embedding(torch.tensor(numbers, device=network.embedding.weight.device)[:, None])
    y, _, _ = network.recurrent.run(x)
    shares = network.head(network.features(y[-1])).softmax(-1)[0]
    k = int(shares.argmax())
    token, share = repr(writer.vocabulary.all_tokens[k]), number(float(shares[k]), 3)

    def says(y: Tensor) -> Tensor:
        logits: Tensor = network.head(network.features(y[-1]))
        return logits.log_softmax(-1)[:, k]

    return Inside(
        network.recurrent,
        x,
        tuple(tokens),
        says,
        (f"Text: {_short(text)}", f"文本：{_short(text)}"),
        (
            f"expects {token} next, probability {share}; followed: the logarithm of that",
            f"预期下一个是 {token}，概率 {share}；追踪的是它的对数",
        ),
    )


def _tag(estimator: Any, data: str, row: int) -> Inside:
    facts = estimator.facts_
    network: Any = within(estimator.network_)
    if _is_text(data):
        part = tag_sentences([LiveSentences(estimator).tokens(data)])
    else:
        part = estimator.read(data)
        part = part.some([_place(row, len(part), data)])
    device = next(network.parameters()).device
    batch = next(Sides(tag_code.encoded(part, facts), batch_size=1).ordered()).to(device)
    tags, _, _ = network.answer(batch, sure=False)
    said = " ".join(tag_code.answered([facts["tags"][k] for k in tags[:, 0].tolist()], facts["scheme"]))

    def says(y: Tensor) -> Tensor:
        scores: Tensor = network.head(y)
        return scores.gather(2, tags.expand(-1, y.shape[1]).unsqueeze(-1)).sum((0, 2))

    line = _short(" ".join(part.tokens[0]))
    return Inside(
        network.recurrent,
        network.first(batch),
        part.tokens[0],
        says,
        (f"Sentence: {line}", f"句子：{line}"),
        (
            f"says {_short(said)}; followed: the sum of these tags' scores",
            f"标注为 {_short(said)}；追踪的是这些标签的得分之和",
        ),
    )


def _transcribe(estimator: Any, data: str, row: int) -> Inside:
    facts, network = estimator.facts_, estimator.network_
    part = estimator.read(data)
    part = part.some([_place(row, len(part), data)])
    frames = Frames.from_json(facts["frames"])
    x = torch.from_numpy(transcribe_code.steps_of(part, facts)[0])[:, None]
    x = x.to(next(network.parameters()).device)
    logs = network(x, torch.tensor([len(x)], device=x.device))
    alphabet, path = Alphabet.from_json(facts["alphabet"]), best_path(logs[:, 0].cpu().numpy())
    letters = {one.step: alphabet.tokens[one.token - 1] for one in path}
    tokens = torch.tensor([[one.token for one in path]], device=x.device)
    text = alphabet.decode(tokens[0].tolist())

    def says(y: Tensor) -> Tensor:
        many, lengths = y.shape[1], torch.full((y.shape[1],), len(y))
        sizes = torch.full((many,), tokens.shape[1])
        found: Tensor = -ctc_loss(
            network.said(y), tokens.expand(many, -1), lengths, sizes, blank=BLANK, reduction="none"
        )
        return found

    bands, names = x.reshape(len(x), frames.stack, frames.width).mean(1), ("low", "middle", "high")
    parts = bands.tensor_split(min(3, frames.width), 1)
    return Inside(
        network.recurrent,
        x,
        tuple(f"{k * frames.seconds:.2f} {letters.get(k, '')}".strip() for k in range(len(x))),
        says,
        (f"Recording {part.recordings[0].name}", f"录音 {part.recordings[0].name}"),
        (
            f"says “{_short(text)}”; followed: the logarithm of its probability",
            f"听写为“{_short(text)}”；追踪的是它概率的对数",
        ),
        signal=torch.stack([part.mean(1) for part in parts], 1).cpu(),
        names=names[: len(parts)],
    )


TASKS: Mapping[str, Callable[[Any, str, int], Inside]] = {
    "classify": _classify, "forecast": _forecast, "generate": _generate,
    "tag": _tag, "transcribe": _transcribe,
}  # fmt: skip


def _place(row: int, count: int, where: str) -> int:
    if not 1 <= row <= count:
        raise SettingError("no such row", where=where[:60], got=row, expected=f"1 to {count}")
    return row - 1


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:57]}..."
