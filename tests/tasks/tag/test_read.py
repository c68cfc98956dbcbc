"""Files of sentences: what is read of each format, and every refusal with its file and line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

import cellwright as cw
from cellwright.errors import DataError
from cellwright.tasks.tag.sentences import normal

COLUMNS = "EU NNP B-ORG\nrejects VBZ O\n\n\nPeter NNP B-PER\nBlackburn NNP I-PER\n"
CONLLU = (
    "# sent_id = 1\n# text = I'm here\n"
    "1-2\tI'm\t_\t_\t_\t_\t_\t_\t_\t_\n"
    "1\tI\tI\tPRON\tPRP\t_\t3\tnsubj\t_\t_\n"
    "2\t'm\tbe\tAUX\tVBP\t_\t3\tcop\t_\t_\n"
    "2.1\tgone\tgo\tVERB\tVBN\t_\t_\t_\t_\t_\n"
    "3\there\there\tADV\tRB\t_\t0\troot\t_\t_\n\n"
)


def put(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return str(path)


@pytest.mark.parametrize("name", ["a.txt", "a.conll.gz", "a"])
def test_columns(tmp_path: Path, name: str) -> None:
    found = cw.Tagger().read(put(tmp_path, name, COLUMNS))
    assert found.tokens == (("EU", "rejects"), ("Peter", "Blackburn"))
    assert found.tags == (("B-ORG", "O"), ("B-PER", "I-PER"))
    assert found.scheme == "iob2"
    assert found.places == ((1, 2), (5, 6))
    assert found.note == "2 sentences, 4 tokens; text = 1, label = 3 (guessed; set --text, --label)"


def test_which_columns(tmp_path: Path) -> None:
    path = put(tmp_path, "a.txt", COLUMNS)
    found = cw.Tagger(label="2", features="3, 1").read(path)
    assert found.tags == (("NNP", "VBZ"), ("NNP", "NNP")) and found.scheme == "none"
    assert found.features == {"3": (("B-ORG", "O"), ("B-PER", "I-PER")), "1": found.tokens}
    assert cw.Tagger(label="none").read(path).tags is None


def test_marks_between_documents_and_comments(tmp_path: Path) -> None:
    text = "-DOCSTART- -X- O\n\n# intent: flight\n# NN O\na DT O\n\n# intent: fare\nb NN B-X\n"
    found = cw.Tagger().read(put(tmp_path, "a.txt", text))
    assert found.tokens == (("#", "a"), ("b",)) and found.intents == ("flight", "fare")


def test_conllu(tmp_path: Path) -> None:
    path = put(tmp_path, "a.conllu", CONLLU)
    found = cw.Tagger().read(path)
    assert found.tokens == (("I", "'m", "here"),) and found.tags == (("PRON", "AUX", "ADV"),)
    assert found.places == ((4, 5, 7),)
    assert cw.Tagger(label="xpos", text="lemma").read(path).tokens == (("I", "be", "here"),)
    untagged = CONLLU.replace("PRON", "_").replace("AUX", "_").replace("ADV", "_")
    assert cw.Tagger().read(put(tmp_path, "b.conllu", untagged)).tags is None


def test_parallel_lines(tmp_path: Path) -> None:
    path = put(tmp_path, "t.seq.in", "to rome\n\nhi\n")
    assert cw.Tagger().read(path).tags is None
    put(tmp_path, "t.seq.out", "O B-city\n\nO\n")
    put(tmp_path, "t.label", "flight\n\nhello\n")
    found = cw.Tagger().read(path)
    assert found.tokens == (("to", "rome"), ("hi",)) and found.tags == (("O", "B-city"), ("O",))
    assert found.intents == ("flight", "hello")


def test_json_lines(tmp_path: Path) -> None:
    rows = [
        {"tokens": ["我", "爱"], "ner_tags": ["S-A", "O"], "intent": "x"},
        {"tokens": ["a"], "ner_tags": ["O"]},
    ]
    found = cw.Tagger().read(put(tmp_path, "a.jsonl", "\n".join(map(json.dumps, rows))))
    assert found.tokens == (("我", "爱"), ("a",)) and found.tags == (("S-A", "O"), ("O",))
    assert found.intents is None  # one sentence has none


REFUSED = {
    "a.txt": {
        "uneven columns": ("a NN O\nb NN\n", r"another number of columns \(.*a.txt, line 2\): got 2, expected 3 as in line 1"),
        "illegal": ("a B-X\n\nb O\nc I-X\n", r"not legal in IOB2 \(.*a.txt, line 4\): got I-X after O; mend the line"),
        "illegal end": ("a S-X\nb B-X\n\nc O\n", r"not legal in BIOES \(.*a.txt, line 2\): got the end after B-X"),
        "nothing": ("\n \n", r"the file is empty \(.*a.txt\)"),
        "comments only": ("# intent: x\n\n", r"there are no sentences \(.*a.txt\)"),
        "intents": ("# intent: x\na O\n\nb O\n", "not one intent for each sentence .*got 1 intents for 2 sentences"),
        "binary": ("a\0b O\n", "a binary file"),
    },
    "a.conllu": {
        "uneven": ("1\ta\tb\n", r"another number of columns \(.*line 1\): got 3, expected 10 as in CoNLL-U"),
    },
    "a.jsonl": {
        "no object": ('{"tokens": ["a"]}\n[1]\n', r"no JSON object \(.*a.jsonl, line 2\): got '\[1\]'"),
        "empty": ('{"tokens": [], "tags": []}\n', r"`tokens` is no list with something in it \(.*line 1\): got \[\]"),
        "lengths": ('{"tokens": ["a"], "tags": ["O", "O"]}\n', r"line 1\): got 1 tokens and 2 of `tags`"),
        "no tokens": ('{"text": "a"}\n', r"no such column \(.*a.jsonl\): got --text tokens, expected text"),
    },
}  # fmt: skip
CASES = [(name, *case) for name, cases in REFUSED.items() for case in cases.values()]
NAMES = [f"{name}: {what}" for name, cases in REFUSED.items() for what in cases]


@pytest.mark.parametrize(("name", "text", "message"), CASES, ids=NAMES)
def test_refusals(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as refused:
        cw.Tagger().read(put(tmp_path, name, text))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"label": "4"}, r"no such column \(.*\): got --label 4, expected 1, 2, 3"),
        ({"features": "pos"}, "got --features pos"),
        ({"label": "1"}, "one column in two roles"),
        ({"scheme": "bmes"}, r"not legal in BMES \(.*line 2\): got O after B-ORG"),
        ({"label": "2", "scheme": "iob2"}, r"no tag of IOB2 \(.*line 1\): got NNP"),
    ],
)
def test_columns_that_do_not_go(tmp_path: Path, settings: dict[str, str], message: str) -> None:
    text = COLUMNS.replace("\n\n\nPeter", "\n\nPeter")
    with pytest.raises(DataError, match=message):
        cw.Tagger(**settings).read(put(tmp_path, "a.txt", text))


def test_parallel_files_that_do_not_fit(tmp_path: Path) -> None:
    path = put(tmp_path, "t.in", "to rome\nhi\n")
    put(tmp_path, "t.out", "O B-city\n")
    with pytest.raises(DataError, match=r"different length \(t.in and t.out\): got 2 and 1 lines"):
        cw.Tagger().read(path)
    put(tmp_path, "t.out", "O\nO\n")
    with pytest.raises(DataError, match=r"t.out, line 1\): got 2 tokens and 1 tags"):
        cw.Tagger().read(path)


def test_what_was_meant_by_illegal_tags(tmp_path: Path) -> None:
    path = put(tmp_path, "a.txt", "a B-X\nb I-Y\n\nc I-X\nd O\n\ne B-X\nf I-X\n")
    with pytest.warns(UserWarning, match="2 tags that are not legal were read as what was meant"):
        found = cw.Tagger(illegal="mend", scheme="iob2").read(path)
    assert found.tags == (("B-X", "B-Y"), ("B-X", "O"), ("B-X", "I-X"))


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ("a text", None, "a text instead of a list of tokens"),
        (["a text"], None, "a text instead of a list of tokens .*text.split"),
        ([], None, "there are no sentences"),
        ([["a"], []], None, r"an empty sentence \(X, sentence 2\)"),
        ([["a", ""]], None, r"an empty token \(X, sentence 1\)"),
        ([["a"]], [["O"], ["O"]], "X and y differ in length: got 1 and 2"),
        ([["a", "b"]], [["O"]], r"not one tag for each token \(y, sentence 1\): got 2 tokens and 1 tags"),
    ],
)
def test_lists_that_do_not_go(X: object, y: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        normal(X, y)
