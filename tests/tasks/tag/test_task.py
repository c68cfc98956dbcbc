"""The tag task: it learns what only context tells, keeps to the scheme, and answers in the data's own tags."""

from __future__ import annotations

import random
import warnings
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import cellwright as cw
from cellwright.cli import main
from cellwright.errors import DataError, SettingError
from cellwright.tasks.inside import inside
from cellwright.tasks.lines import Lines
from cellwright.tasks.report import page
from cellwright.tasks.tag import code
from cellwright.tasks.tag.network import around
from cellwright.tasks.tag.scheme import illegal
from cellwright.tasks.tag.sentences import normal
from cellwright.tasks.tag.simple import linear_tags, most_frequent
from cellwright.tasks.training import loop

CITIES = ["rome", "bern", "new york", "los angeles", "oslo"]


def flights(count: int, seed: int = 0) -> tuple[list[list[str]], list[list[str]], list[str]]:
    """Only the word before tells which city is the start and which the end; the first word tells the intent."""
    random_ = random.Random(seed)
    X, y, intents = [], [], []
    for _ in range(count):
        first = random_.choice(["fly", "book"])
        words, tags = [first], ["O"]
        for which in random_.sample(["from", "to"], 2):
            city = random_.choice(CITIES).split()
            words += [which, *city]
            tags += ["O", f"B-{which}", *[f"I-{which}"] * (len(city) - 1)]
        X.append(words)
        y.append(tags)
        intents.append(first)
    return X, y, intents


def small(**settings: Any) -> cw.Tagger:
    usual = {"units": 12, "embedding": 8, "character_units": 4, "epochs": 12, "batch_size": 8, "dropout": 0.1}
    return cw.Tagger(**{**usual, "learning_rate": 0.02, "min_count": 1, **settings})


def joint(count: int, seed: int = 0) -> Any:
    X, y, intents = flights(count, seed)
    return small()._schemed(normal(X, y, intents))


@pytest.fixture(scope="module")
def of_flights() -> cw.Tagger:
    return small().fit(joint(120), test=(joint(30, seed=1), None))


class TestFitAndPredict:
    def test_context_alone_tells(self, of_flights: cw.Tagger) -> None:
        assert of_flights.metrics_["test"]["f1"] == 1.0
        assert of_flights.metrics_["test"]["intent_accuracy"] == 1.0
        assert of_flights.metrics_["baselines"]["most_frequent"]["f1"] < 0.8
        X = [["fly", "to", "new", "york", "from", "rome"], ["book", "from", "bern"]]
        assert of_flights.predict(X) == [
            ["O", "O", "B-to", "I-to", "O", "B-from"],
            ["O", "O", "B-from"],
        ]
        assert of_flights.predict_intents(X) == ["fly", "book"]

    def test_answers_in_the_scheme_of_the_data(self) -> None:
        X = [list("我爱北京"), list("北京好"), list("去上海")] * 8
        y = [["O", "O", "B-L", "E-L"], ["B-L", "E-L", "O"], ["O", "B-L", "E-L"]] * 8
        model = small(epochs=8).fit(X, [*y[:-1], ["S-L", "B-L", "E-L"]])
        assert model.facts_["scheme"] == "bioes" and model.facts_["single"]
        assert model.predict([list("爱上海")]) == [["O", "B-L", "E-L"]]

    def test_iob1_in_and_out(self) -> None:
        X = [["a", "x", "x", "y"], ["y", "b", "x"]] * 10
        y = [["O", "I-A", "I-A", "I-B"], ["I-B", "O", "I-A"]] * 10
        model = small(epochs=8).fit(X, y)
        assert model.facts_["scheme"] == "iob1" and "B-A" in model.facts_["tags"]
        assert model.predict([["a", "x", "x", "y"]]) == [["O", "I-A", "I-A", "I-B"]]

    @pytest.mark.parametrize("cell", ["elman", "gru"])
    def test_plain_tags_by_other_cells_without_a_field(self, cell: str) -> None:
        X, _, _ = flights(40)
        y = [[word[0].upper() for word in row] for row in X]
        model = small(cell=cell, crf=False, epochs=10).fit(X, y, test=0.2)
        assert model.metrics_["test"]["f1"] == model.metrics_["test"]["accuracy"] > 0.9
        assert not any(p.requires_grad for p in model.network_.crf.parameters())

    def test_even_an_untrained_network_keeps_to_the_scheme(self) -> None:
        X, y, _ = flights(40)
        model = small(epochs=1, learning_rate=1e-9, crf=False).fit(X, y)
        with torch.no_grad():
            model.network_.head.weight.normal_(std=5)
        for tags in model.predict([["?"] * n for n in (1, 2, 9)]):
            assert illegal(tags, "iob2") is None

    def test_further_columns_are_read(self) -> None:
        """The tokens say nothing at all, the column everything."""
        random_ = random.Random(0)
        y = [[random_.choice("NV") for _ in range(5)] for _ in range(40)]
        part = normal([["x"] * 5] * 40, y)
        part = type(part)(part.tokens, part.tags, {"2": part.tags}, columns={"features": "2"})
        model = small(epochs=4).fit(part, test=(part, None))
        assert model.metrics_["test"]["accuracy"] == 1.0
        with pytest.raises(DataError, match="columns that the model reads are missing .*got no column 2"):
            model.predict([["x"]])

    def test_tokens_never_seen_and_very_long_ones(self, of_flights: cw.Tagger) -> None:
        found = of_flights.answers([["fly", "to", "z" * 500, "😀"]])
        assert len(found.tags[0]) == 4 and all(0 <= share <= 1 for share in found.sure[0])

    def test_the_same_seed_the_same_model(self) -> None:
        X, y, _ = flights(20)
        first, second = (small(epochs=1).fit(X, y).network_.state_dict() for _ in range(2))
        assert all(torch.equal(first[name], second[name]) for name in first)


class TestScores:
    def test_tags_that_training_has_not_seen_count_as_missed(self, of_flights: cw.Tagger) -> None:
        X, y = [["fly", "to", "rome"], ["fly", "to", "bern"]], [["O", "O", "B-via"], ["O", "O", "B-to"]]
        with pytest.warns(UserWarning, match="1 tags that training has not seen count as missed: B-via"):
            scores = of_flights.measure(X, y)
        assert scores["recall"] == 0.5 and scores["precision"] == 0.5
        assert np.isfinite(scores["loss"])

    def test_the_loss_is_that_of_the_field(self, of_flights: cw.Tagger) -> None:
        """Nats per token, from the field's own log p of the right tags, sentence by sentence."""
        part = joint(5, seed=3)
        coded, network = code.encoded(part, of_flights.facts_), of_flights.network_
        total = 0.0
        with loop.evaluating(network):
            for batch in code.Sides(coded, batch_size=1).ordered():
                total -= float(network.crf(network(batch)[0], batch.tags))
        expected = total / sum(map(len, part.tokens))
        assert of_flights.measure(part)["loss"] == pytest.approx(expected, rel=1e-4)

    def test_simple_methods(self) -> None:
        train, held = normal(*flights(60)[:2]), normal(*flights(10, seed=1)[:2])
        assert linear_tags(train, held) == [list(tags) for tags in held.known()]
        said = most_frequent(train, normal([["rome", "never", "seen"]]))
        assert said[0][0] in ("B-from", "B-to") and said[0][1:] == ["O", "O"]


def residues(count: int, **settings: Any) -> cw.Tagger:
    """A model of letters without a scheme, its weights large and drawn by chance."""
    random_ = random.Random(0)
    X = [[random_.choice("ACDE") for _ in range(random_.randint(2, 6))] for _ in range(count)]
    y = [[random_.choice("hec") for _ in row] for row in X]
    model = small(epochs=1, pairs=False, valid=0, **settings).fit(X, y)
    with torch.no_grad():
        for weight in model.network_.parameters():
            weight.normal_()
    return model


class TestLetters:
    def test_plain_tags_are_chosen_one_by_one(self) -> None:
        """The tag with the largest sum over all paths through it, not the tag of the best path."""
        model = residues(12)
        network, crf = model.network_, model.network_.crf
        X = [list("ACDEA"), list("EC"), list("DDACE"), list("CAEED"), list("AADDE"), list("CEC")]
        names, paths_differ = model.facts_["tags"], 0
        A, b_start, b_end = (p.tolist() for p in (crf.A, crf.b_start, crf.b_end))
        for batch in code.Sides(code.encoded(normal(X), model.facts_), batch_size=1).ordered():
            with loop.evaluating(network), torch.no_grad():
                scores = network(batch)[0][:, 0].tolist()
            share, best = np.zeros((len(scores), 3)), (-np.inf, ())
            for y in product(range(3), repeat=len(scores)):
                s = b_start[y[0]] + b_end[y[-1]] + sum(A[j][i] for i, j in pairwise(y))
                s += sum(row[tag] for row, tag in zip(scores, y, strict=True))
                share[range(len(y)), y] += np.exp(s)
                best = max(best, (s, y))
            expected = share.argmax(-1).tolist()
            paths_differ += expected != list(best[1])
            assert model.predict([X[int(batch.index)]]) == [[names[tag] for tag in expected]]
        assert paths_differ

    def test_a_step_reads_its_neighbours_and_nothing_past_the_ends(self) -> None:
        x, lengths = torch.randn(5, 2, 3), torch.tensor([5, 3])
        found = around(x, lengths, 2).view(5, 2, 5, 3)
        for b, length in enumerate(lengths.tolist()):
            for t, k in product(range(length), range(-2, 3)):
                inside = 0 <= t + k < length
                assert torch.equal(found[t, b, k + 2], x[t + k, b] if inside else torch.zeros(3))

    def test_what_a_sentence_lies_beside_changes_nothing(self) -> None:
        model = residues(12, window=2)
        alone, long = list("ACE"), list("DEDACACEDEDA")
        assert model.network_.recurrent.input_size == 5 * 8
        both = model.answers([alone, long])
        assert both.sure[0] == pytest.approx(model.answers([alone]).sure[0], abs=1e-4)

    def test_pairs_are_left_out(self) -> None:
        part = normal([list("ACDE")] * 3, [list("hhee")] * 3)
        given = {"lower": True, "min_count": 1, "max_tokens": 0}
        assert "pairs" in code.facts_of(part, **given)
        assert len(code.sizes(code.facts_of(part, pairs=False, **given))) == 1

    def test_the_linear_model_reaches_as_far_as_it_is_told(self) -> None:
        """The tag is the letter four places before."""
        random_ = random.Random(1)
        X = [[random_.choice("DE") for _ in range(30)] for _ in range(40)]
        y = [["c"] * 4 + [letter.lower() for letter in row[:-4]] for row in X]
        train, held = normal(X[:30], y[:30]), normal(X[30:], y[30:])
        near, far = (np.mean(np.array(linear_tags(train, held, reach)) == y[30:]) for reach in (2, 4))
        assert near < 0.8 and far > 0.98

    def test_the_recipe(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        data, run = tmp_path / "a.csv", str(tmp_path / "run")
        data.write_text("sequence,structure\n" + "MKVLAAGDEQ,cchhhheecc\nAAGDEQKVLM,hheeecchhh\n" * 6)
        given = ["--recipe", "residues", "--epochs", "1", "--ensemble", "2", "--quiet"]
        assert main(["train", "tag", str(data), "--out", run, *given]) == 0
        capsys.readouterr()
        model = cw.Tagger.load(run)
        assert (model.window, model.ensemble, model.epochs, model.facts_.get("pairs")) == (7, 2, 1, None)
        assert len(model.predict([list("MKVLAA")])[0]) == 6


class TestAround:
    def test_saved_and_loaded(self, of_flights: cw.Tagger, tmp_path: Path) -> None:
        of_flights.save(tmp_path / "run")
        again = cw.Tagger.load(tmp_path / "run")
        X = flights(5, seed=4)[0]
        assert again.answers(X) == of_flights.answers(X)

    def test_on_the_command_line(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        data, run = tmp_path / "a.conll", str(tmp_path / "run")
        data.write_text("rome B-X\nis O\n\nin O\nnew B-X\nyork I-X\n\n" * 12)
        settings = ["--units", "6", "--embedding", "6", "--character-units", "0", "--epochs", "1", "--quiet"]
        assert main(["train", "tag", str(data), "--out", run, *settings]) == 0
        assert main(["evaluate", run, str(data), "--quiet"]) == 0
        assert "F1" in capsys.readouterr().out
        data.write_text("is\nrome\n\nin\n")
        assert main(["predict", run, str(data), "--quiet"]) == 0
        head, *rows = capsys.readouterr().out.splitlines()
        assert head == "sentence,token,tag,probability"
        assert [row.split(",")[:2] for row in rows] == [["1", "is"], ["1", "rome"], ["2", "in"]]

    def test_live(self, of_flights: cw.Tagger) -> None:
        stream = cw.Stream(of_flights)
        said = stream.push("fly to new york")
        assert said["tags"] == ["O", "O", "B-to", "I-to"] and said["intent"] == "fly"
        assert said["chunks"] == [{"type": "to", "text": "new york"}]
        assert stream.push({"tokens": ["from", "rome"]})["tags"] == ["O", "B-from"]
        for item, message in (
            (" ", "an empty sentence"),
            (3, "no sentence: got int"),
            (["a", 1], "no sentence"),
        ):
            with pytest.raises(DataError, match=message):
                stream.push(item)
        lines = Lines(stream)
        assert lines.answer(b"fly to rome\n") == "fly to rome,O O B-to,"
        assert "line 2: an empty sentence" in lines.answer(b"\n")

    def test_the_inside(self, of_flights: cw.Tagger) -> None:
        found = inside(of_flights, "fly to rome")
        assert found.steps == ("fly", "to", "rome") and "says O O B-to" in found.said[0]
        y, _, _ = found.layer.run(torch.cat([found.x] * 2, 1))
        scores = of_flights.network_.head(y)[:, 0]
        places = [of_flights.facts_["tags"].index(tag) for tag in ("O", "O", "S-to")]
        expected = scores[torch.arange(3), torch.tensor(places)].sum()
        torch.testing.assert_close(found.read(y), expected.expand(2))

    def test_the_report(self, of_flights: cw.Tagger) -> None:
        text = page(of_flights, title="Tags", command="cellwright train tag")
        for expected in ("Each type of chunk", "Sentences without", "angeles", "intent "):
            assert expected in text
        X, y, _ = flights(30)
        unlearnt = small(epochs=1, learning_rate=1e-9).fit(X, y, test=0.3)
        assert "Sentences with mistakes" in page(unlearnt, title="Tags", command="")


@pytest.mark.parametrize(
    ("settings", "X", "y", "error", "message"),
    [
        ({}, [["a"]] * 4, None, DataError, r"there are no tags \(y\): expected one for each token; give y"),
        ({}, [["a"]] * 9, [["O"]] * 9, DataError, r"one tag only \(y\): got O"),
        ({}, [["a"]] * 9, [["I-A", "B-A"]] * 9, DataError, "not one tag for each token"),
        ({"scheme": "iob2"}, [["a"]] * 9, [["I-A"]] * 9, DataError, r"not legal in IOB2 \(y, sentence 1, token 1\)"),
        ({"scheme": "iob"}, [["a"]], [["O"]], SettingError, r"scheme must be one of .*\(did you mean iob2\?\)"),
        ({"text": "1", "label": "1"}, [["a"]], [["O"]], SettingError, "text and label must be two columns"),
    ],
)  # fmt: skip
def test_refusals(settings: dict[str, str], X: Any, y: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        small(**settings).fit(X, y)


def test_no_intents_in_training() -> None:
    X, y, _ = flights(20)
    model = small(epochs=1).fit(X, y)
    with pytest.raises(DataError, match="the model knows no intents"):
        model.predict_intents(X)


def test_a_validation_part_of_its_own() -> None:
    X, y, _ = flights(30)
    model, held = small(epochs=1), flights(10, seed=2)[:2]
    train, valid, _ = model.parts(X, y, None, held)
    assert len(train) == 30 and valid is not None and valid.tokens[0] == tuple(held[0][0])


def test_real_files(shared_data: Path) -> None:
    """Each format as it lies there: sizes as its source states them, the scheme found."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read = cw.Tagger().read
        found = read(shared_data / "conll2000/test.txt")
        assert (len(found), sum(map(len, found.tokens)), found.scheme) == (2012, 47377, "iob2")
        found = read(shared_data / "ud_english_ewt/en_ewt-ud-dev.conllu.gz")
        assert (len(found), sum(map(len, found.tokens)), found.scheme) == (2001, 25147, "none")
        found = read(shared_data / "resume_ner_zh/dev.char.bmes")
        assert (len(found), found.scheme) == (463, "bmes")
        found = read(shared_data / "atis/valid.seq.in")
        assert (len(found), found.scheme, len(set(found.intents or ()))) == (500, "iob2", 16)
