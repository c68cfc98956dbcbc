"""A language model learns, is scored as one long stream, writes on, and refuses what it cannot use."""

from __future__ import annotations

import functools
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

import cellwright as cw
from cellwright.tasks.generate import task
from cellwright.tasks.generate.task import Generator
from cellwright.tasks.generate.text import Reading, Text, read
from cellwright.tasks.generate.write import Writer
from cellwright.tasks.vocab import Vocabulary

PATTERN = "abcdefgh "
RHYME = "".join(f"the {a} sat on the {b}.\n" for a in ("cat", "dog", "hen") for b in ("mat", "log", "hay"))
POEM = "床前明月光，疑是地上霜。举头望明月，低头思故乡。\n"


@pytest.fixture(autouse=True)
def _short_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task, "SHOWN", 20)


def small(**settings: Any) -> Generator:
    return Generator(**({"units": 16, "chunk": 16, "epochs": 2, "min_count": 1, "valid": 0.1} | settings))


@functools.lru_cache(maxsize=1)
def trained() -> Generator:
    """One trained model for all tests that only read it."""
    return small(units=32, epochs=12, learning_rate=0.01).fit(RHYME * 12, test=0.1)


@functools.lru_cache(maxsize=1)
def of_words() -> Generator:
    return small(unit="word", epochs=3, learning_rate=0.02).fit(RHYME * 12, test=0.1)


def test_it_learns_a_pattern_and_goes_on_with_it() -> None:
    model = small(units=24, epochs=12, learning_rate=0.02).fit(PATTERN * 60, test=0.1)
    assert model.metrics_["test"]["perplexity"] < 1.15
    assert model.generate("abc", length=20, temperature=0) == (PATTERN * 4)[3:23]


def test_it_beats_the_unigram_and_the_baselines_are_those_of_the_same_tokens() -> None:
    metrics = trained().metrics_
    assert metrics["test"]["perplexity"] < metrics["baselines"]["unigram"]["perplexity"] / 2
    assert all(scores.keys() == metrics["test"].keys() for scores in metrics["baselines"].values())


def test_the_unigram_baseline_equals_counting() -> None:
    model = small(epochs=1).fit(RHYME * 12, test=0.1)
    train, _, held = model.parts(RHYME * 12, None, 0.1)
    size = len(model.facts_["vocabulary"]["tokens"])
    kinds = len(set(train.text))
    total = 0.0
    for character in held.text[1:]:
        share = (train.text.count(character) + kinds / size) / (len(train.text) + kinds)
        total -= math.log(share)
    assert model.metrics_["baselines"]["unigram"]["loss"] == pytest.approx(total / (len(held.text) - 1))


@pytest.mark.parametrize("piece", [1, 7, 10_000])
def test_a_score_is_that_of_one_stream_read_at_once(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task, "PIECE", piece)
    model = trained()
    text = RHYME[3:90]
    vocabulary = Vocabulary.from_json(model.facts_["vocabulary"])
    tokens = torch.tensor(vocabulary.encode(text))
    features, _ = model.network_(tokens[:-1, None])
    shares = model.network_.head(features[:, 0]).softmax(-1)
    nats = -shares[range(len(tokens) - 1), tokens[1:]].log().mean().item()
    scores = model.measure(text)
    assert scores["loss"] == pytest.approx(nats, rel=1e-5)
    assert scores["perplexity"] == pytest.approx(math.exp(nats), rel=1e-5)
    assert scores["bits_per_character"] == pytest.approx(nats / math.log(2), rel=1e-5)
    assert model.score(text) == -scores["perplexity"]


def test_bits_per_character_of_words_spread_over_all_characters() -> None:
    scores = of_words().measure("the cat sat on the log.\nthe dog")
    words = len(["the", "cat", "sat", "on", "the", "log", ".", "\n", "the", "dog"]) - 1
    bits = math.log2(scores["perplexity"]) * words
    assert scores["bits_per_character"] == pytest.approx(bits / len(" cat sat on the log.\nthe dog"))


def test_unknown_tokens_are_counted() -> None:
    assert trained().measure("the cat sat")["unknown"] == 0
    assert trained().measure("the Cat sät!")["unknown"] == 3


def test_the_state_is_carried_from_chunk_to_chunk() -> None:
    model = small(epochs=1).fit(RHYME * 12)
    network, tokens = model.network_, torch.arange(40).remainder(8)[:, None] + 2
    with torch.no_grad():
        whole, _ = network(tokens[:-1])
        state, nats = None, []
        for begin, end in ((0, 13), (13, 14), (14, 39)):
            loss = model.loss(network, task.Chunk(tokens[begin:end], tokens[begin + 1 : end + 1]), state)
            state = loss.state
            nats.append(loss.mean * loss.items)
        once = cross_entropy(network.head(whole).flatten(0, 1), tokens[1:].flatten(), reduction="sum")
    assert torch.stack(nats).sum() == pytest.approx(once.item(), rel=1e-5)


@pytest.mark.parametrize(("length", "columns"), [(40, 1), (501, 1), (1001, 2), (90_000, 8)])
def test_a_short_text_gets_fewer_columns_so_that_an_epoch_has_steps(length: int, columns: int) -> None:
    model = small(chunk=10, batch_size=8)
    feed = model.feed(task.Codes(torch.arange(length), length, 0))
    assert next(iter(feed.epoch(0))).x.shape == (10, columns)
    assert len(feed) >= min(task.STEPS, length // 10)


@pytest.mark.parametrize("unit", ["char", "word", "blank"])
def test_the_parts_are_the_text_in_order(unit: str) -> None:
    text = RHYME * 12
    train, valid, held = small(unit=unit).parts(text, None, 0.1)
    assert valid is not None and held is not None
    assert train.text + valid.text + held.text == text
    assert len(held) == pytest.approx(0.1 * len(text), abs=1 if unit == "char" else 30)
    if unit != "char":
        assert train.text.endswith("\n") and valid.text.endswith("\n")


def test_a_text_without_lines_is_cut_between_words() -> None:
    rest, held = read("one two three four five six seven", Reading("word")).cut(0.3)
    assert (rest.text, held.text) == ("one two three four five ", "six seven")


@pytest.mark.parametrize(
    ("text", "asked", "unit"),
    [
        (RHYME, "auto", "char"),
        (POEM, "auto", "char"),
        ("a <unk> b\n a", "auto", "blank"),
        ("Rare words become <unk>. " + RHYME * 300, "auto", "char"),
        (RHYME, "word", "word"),
    ],
)
def test_the_unit(text: str, asked: Any, unit: str) -> None:
    assert read(text, Reading(asked)).unit == unit


def test_chinese_is_written_character_by_character() -> None:
    model = small(units=24, epochs=15, learning_rate=0.02).fit(POEM * 20, test=0.1)
    text = model.generate("床前", length=22, temperature=0)
    assert ("床前" + text)[:12] == POEM[:12]


def test_a_text_that_is_cut_already_keeps_its_tokens() -> None:
    text = " mr. <unk> 's plan did n't cost $ N\n the u.s. agreed\n" * 20
    model = small(epochs=1).fit(text, test=0.2)
    assert {"mr.", "'s", "n't", "u.s.", "\n"} <= set(model.facts_["vocabulary"]["tokens"])
    assert model.metrics_["test"]["unknown"] == 0
    written = model.generate("mr.", length=30, seed=1)
    assert written[0] in " \n" and "□" not in written


@pytest.mark.data
def test_the_penn_treebank_has_the_published_numbers_of_tokens(shared_data: Path) -> None:
    model = Generator(unit="auto")
    facts = model.learn(model.take(shared_data / "ptb" / "ptb.train.txt.gz"))
    held = model.encode(model.take(shared_data / "ptb" / "ptb.test.txt"), facts)
    assert (len(held.tokens), held.unknown) == (82_430, 0)
    assert len(facts["vocabulary"]["tokens"]) == 10_000 + 1  # and <pad>; <unk> is one of the 10,000


@pytest.mark.parametrize(
    ("least", "mark", "known"),
    [(1, "", True), (2, "", False), (0, "", False), (0, " <unk> ", True), (2, "<unk>", False)],
)
def test_rare_tokens_are_learnt_as_unknown_unless_the_text_marks_its_own(
    least: int, mark: str, known: bool
) -> None:
    text = "a b a b " * 50 + f"z {mark}" + "a b a b " * 50
    vocabulary = small(min_count=least).learn(read(text))["vocabulary"]
    assert ("z" in vocabulary["tokens"]) == known


def test_the_vocabulary_has_a_limit() -> None:
    facts = small(vocabulary=6, unit="word").learn(read(RHYME, Reading("word")))
    assert facts["vocabulary"]["tokens"][2:] == ["the", "\n", ".", "on"]


def test_writing_in_pieces_is_writing_at_once() -> None:
    pieces = list(trained().stream_text("the c", length=30, seed=4))
    assert len(pieces) == 30 and "".join(pieces) == trained().generate("the c", length=30, seed=4)
    assert trained().generate("the c", length=30, seed=5) != "".join(pieces)


def test_a_beam_writes_in_the_place_of_drawing() -> None:
    texts = {trained().generate("the c", length=12, beam=4, seed=seed) for seed in (0, 1)}
    assert len(texts) == 1 and len(*texts) == 12
    assert trained().generate("the c", length=12, beam=1) == trained().generate("the c", 12, temperature=0)
    for draws in ({"top_k": 3}, {"top_p": 0.5}):
        with pytest.raises(cw.SettingError, match="a beam searches and draws nothing: got top_k or top_p"):
            trained().generate("the", beam=2, **draws)
    with pytest.raises(cw.SettingError, match="trained on a plain text .*got title"):
        trained().generate("the", given={"title": "a"})


def test_words_come_with_the_blanks_between_them() -> None:
    model = of_words()
    vocabulary = Vocabulary.from_json(model.facts_["vocabulary"])
    for prompt in ("the cat", "the cat ", "on the mat.\n"):
        text = prompt + model.generate(prompt, length=15, seed=2)
        assert len(vocabulary.tokens(text)) == len(vocabulary.tokens(prompt)) + 15
        if prompt.endswith(" "):
            assert "  " not in text
        else:
            assert text == vocabulary.decode(vocabulary.encode(text))


def test_an_empty_prompt_begins_a_line() -> None:
    assert trained().generate("", length=20, seed=3) == trained().generate("\n", length=20, seed=3)
    assert of_words().generate("", length=5)[0] != " "


def test_an_empty_prompt_without_lines_begins_as_the_text_does() -> None:
    model = small(epochs=1).fit("xyxxyy" * 40)
    assert model.generate("", length=9, seed=1) == model.generate("x", length=9, seed=1)


def test_unknown_is_never_written() -> None:
    model = small(min_count=3, epochs=1, units=4).fit(
        "ab" * 60 + "cdefghijklmnopqrs" * 8 + "tuvwxyz" + "ab" * 60
    )
    assert "□" not in model.generate("ab", length=300, temperature=5.0)


@pytest.mark.parametrize("settings", [{}, {"tied": True, "embedding": 8}, {"cell": "peephole", "layers": 2}])
def test_saved_and_loaded_it_writes_the_same(settings: dict[str, Any], tmp_path: Path) -> None:
    model = small(**settings).fit(RHYME * 12)
    model.save(tmp_path / "run")
    again = Generator.load(tmp_path / "run")
    assert again.generate("the ", length=40, seed=1) == model.generate("the ", length=40, seed=1)
    assert again.measure(RHYME) == model.measure(RHYME)


def test_a_tampered_beginning_is_refused(tmp_path: Path) -> None:
    small(epochs=1).fit(RHYME * 12).save(tmp_path / "run")
    file = tmp_path / "run" / "model.json"
    document = json.loads(file.read_text())
    document["facts"]["begin"] = 999
    file.write_text(json.dumps(document))
    with pytest.raises(cw.RunError):
        Generator.load(tmp_path / "run")


@pytest.mark.parametrize(("cell", "embedding"), [("lstm", 16), ("lstm", 8), ("lstm_projected(P=4)", 8)])
def test_tied_vectors_are_one_matrix(cell: str, embedding: int) -> None:
    model = small(cell=cell, tied=True, embedding=embedding, epochs=1).fit(RHYME * 12)
    network: Any = model.network_
    tokens, width = network.embedding.weight.shape
    assert network.head.weight is network.embedding.weight and width == embedding
    assert (network.projection is None) == (embedding == 16)
    recurrent = sum(p.numel() for p in network.recurrent.parameters())
    between = 0 if embedding == 16 else network.recurrent.output_size * embedding
    assert model.metrics_["parameters"] == tokens * width + tokens + recurrent + between


def test_dropout_stands_between_layers_and_on_outputs() -> None:
    network: Any = small(layers=2, dropout=0.4).build(cw.cells.lstm, small().learn(read(RHYME)))
    assert (network.recurrent.dropout, network.dropout.p) == (0.4, 0.4)
    network.train()
    features, _ = network(torch.full((200, 3), 2))
    assert (features == 0).double().mean().item() == pytest.approx(0.4, abs=0.05)


def test_examples_are_written_with_their_settings_and_are_json() -> None:
    examples = trained().metrics_["examples"]
    assert json.loads(json.dumps(examples)) == examples
    for row in examples["texts"]:
        assert row["text"] == trained().generate(
            row["prompt"], length=task.SHOWN, temperature=row["temperature"], seed=row["seed"]
        )
    assert [row["temperature"] for row in examples["texts"]] == list(task.WARMTHS)


def test_expectations_are_the_models_own_shares() -> None:
    writer = Writer(trained().network_, trained().facts_)
    before, after = writer.excerpt(read(RHYME))
    rows = writer.expectations(before, after)
    tokens = torch.tensor([*before, *after])
    logits = trained().network_.head(trained().network_(tokens[:, None])[0][:, 0])[:, 2:]
    for place, row in enumerate(rows, start=len(before)):
        shares = logits[place - 1].softmax(0)
        assert row["came"] == RHYME[place]
        assert row["share"] == pytest.approx(shares[tokens[place] - 2].item(), abs=1e-3)
        assert max(row["likely"].values()) == pytest.approx(shares.max().item(), abs=1e-3)


def test_texts_are_read_by_name(tmp_path: Path) -> None:
    file = tmp_path / "poems.txt"
    file.write_bytes(("\ufeff" + POEM.replace("\n", "\r\n")).encode())
    text = small().read(str(file))
    assert (text.text, len(text), text.source) == (POEM, len(POEM), str(file))
    assert f"{len(POEM)} characters, {len(set(POEM))} different; the tokens are characters" in text.note
    assert small().take(file) == text and small().take(text) is text
    assert len(small().read("pydoc")) > 200_000


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        ("", {}, "the text is empty (the text): got nothing, expected text to learn from"),
        (" \n\t", {}, "the text is empty (the text): got only blanks"),
        ("aaaaaaaa", {}, "one symbol over and over (the text): got 8 times 'a', expected at least two"),
        (
            RHYME[:15],
            {},
            "too short for a chunk (the text): got 13 characters to train on, expected more than 16",
        ),
        ("one two three four", {"unit": "word", "chunk": 3}, "the held-out part is too short (the text)"),
        (
            "ab",
            {},
            "what is left of the text is too short (the text): got 1 characters, expected at least two",
        ),
        (
            "to " * 99 + "be",
            {"unit": "word", "valid": 0, "min_count": 2},
            "one known token only (the text): got 'to'",
        ),
        ("abcdefgh" * 9, {"min_count": 99}, "no token in the texts"),
        ("wörd\ud800" * 9, {}, "not Unicode (the text, character 5): got U+D800, half of a character"),
        (42, {}, "data of a kind that is not read: got int, expected a text (str), or the Path of a file"),
        (["a", "b"], {}, "got list"),
        (Path("no/such/file.txt"), {}, "no such folder"),
        (RHYME * 3, {"bidirectional": True}, "bidirectional must be false"),
        (RHYME * 3, {"chunk": 0}, "chunk must be at least 1, got 0"),
        (RHYME * 3, {"unit": "syllable"}, "unit must be one of auto, char, word, blank, piece, got syllable"),
    ],
)
def test_what_cannot_be_learnt_is_refused_in_one_line(
    text: Any, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(cw.UserError) as caught:
        small(**({"epochs": 1, "min_count": 1} | settings)).fit(text)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_the_name_of_a_file_is_not_its_text(tmp_path: Path) -> None:
    file = tmp_path / "input.txt"
    file.write_text(RHYME)
    with pytest.raises(cw.DataError, match="the name of a file, not its text"):
        small().fit(str(file))


def test_a_language_model_takes_no_y() -> None:
    with pytest.raises(cw.DataError, match="takes no y"):
        small().fit(RHYME, ["a"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"length": 0}, "length must be a whole number of at least 1, got 0"),
        ({"length": -5}, "length must be a whole number of at least 1, got -5"),
        ({"temperature": -1}, "temperature must be a number of at least 0, got -1"),
        ({"top_k": 0}, "top_k must be a whole number of at least 1, got 0"),
        ({"prompt": "THé 中"}, "characters that the model does not know (prompt): got 'T', 'H', 'é', '中'"),
        ({"prompt": "ZYXWVUT"}, "'V' and 2 more, expected characters of the training text; leave them out"),
        ({"prompt": "a\udcff"}, "not Unicode (the prompt, character 2): got U+DCFF"),
    ],
)
def test_what_cannot_be_written_is_refused_at_once(call: dict[str, Any], message: str) -> None:
    with pytest.raises(cw.UserError) as caught:
        trained().stream_text(**call)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_an_unknown_word_in_a_prompt_may_be_given_as_unknown() -> None:
    model = of_words()
    with pytest.raises(cw.DataError, match="got 'zebra', .*or write <unk> in their place"):
        model.generate("the zebra")
    assert model.generate("the <unk> sat", length=3)


def test_a_text_object_is_its_characters() -> None:
    assert len(Text("中文", "char")) == 2
