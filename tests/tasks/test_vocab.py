"""Vocabularies: cut, number, give back; travel through JSON; refuse what was tampered with."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwright.errors import DataError, RunError, SettingError
from cellwright.tasks.data import load_texts, read_text
from cellwright.tasks.vocab import Vocabulary, choose_unit

# Python takes the four separators \x1c-\x1f for blanks; Unicode, and the tokenizer, take them for signs.
texts = st.text(st.characters(codec="utf-8", exclude_characters="\x1c\x1d\x1e\x1f"), min_size=1, max_size=60)


@settings(max_examples=100, deadline=None)
@given(texts)
def test_characters_come_back_exactly(text):
    vocabulary = Vocabulary.build(text, "char")
    assert vocabulary.decode(vocabulary.encode(text)) == text
    assert vocabulary.tokens(text) == list(text)


@settings(max_examples=100, deadline=None)
@given(texts)
def test_words_lose_blanks_alone(text):
    tokens = Vocabulary.build("a", "word").tokens(text)
    blanks = "".join(character for character in text if character.isspace() and character != "\n")
    assert sorted("".join(tokens)) == sorted(c for c in text if c not in blanks)
    assert all(token for token in tokens)


@settings(max_examples=50, deadline=None)
@given(texts, st.sampled_from(["word", "char", "blank"]), st.booleans())
def test_encoding_agrees_with_tokens(text, unit, lower):
    try:
        vocabulary = Vocabulary.build(text, unit, lower=lower)
    except DataError:
        return
    numbers = {token: number for number, token in enumerate(vocabulary.all_tokens)}
    assert vocabulary.encode(text) == [numbers.get(token, 1) for token in vocabulary.tokens(text)]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("我爱Python, don't you?", ["我", "爱", "Python", ",", "don't", "you", "?"]),
        ("3.14 or 1,000, end.Start", ["3.14", "or", "1,000", ",", "end", ".", "Start"]),
        ("one\n two", ["one", "\n", "two"]),
        ("<unk> of <eos> <pad>", ["<unk>", "of", "<eos>", "<", "pad", ">"]),
        ("日本語のテスト", list("日本語のテスト")),
        ("naïve café Straße", ["naïve", "café", "Straße"]),
        ("안녕 세계", ["안녕", "세계"]),
        ("好！真的。", ["好", "！", "真", "的", "。"]),
    ],
)
def test_words(text, tokens):
    assert Vocabulary.build("a", "word").tokens(text) == tokens


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("the cat sat", "word"),
        ("今天天气很好", "char"),
        ("我用 Python", "word"),
        ("これはペンです", "char"),
        ("ภาษาไทย", "char"),
        ("한국어 문장", "word"),
        ("123 ...", "word"),
    ],
)
def test_auto(text, unit):
    assert choose_unit([text]) == unit
    assert Vocabulary.build(text).unit == unit


def test_order_is_by_count_then_text():
    vocabulary = Vocabulary.build(["b a", "c b", "a b"], "word")
    assert vocabulary.all_tokens == ("<pad>", "<unk>", "b", "a", "c")


def test_rare_tokens_are_unknown_and_shown():
    vocabulary = Vocabulary.build("aab", "char", min_count=2)
    assert vocabulary.encode("ab") == [2, 1]
    assert vocabulary.decode([2, 1, 0]) == "a□"
    assert len(Vocabulary.build("a b c d", "word", max_size=4)) == 4


def test_lower_case():
    vocabulary = Vocabulary.build("The the THE", "word", lower=True)
    assert vocabulary.all_tokens[2:] == ("the",)
    assert vocabulary.encode("tHe") == [2]


def test_a_special_token_in_the_text_is_never_padding():
    vocabulary = Vocabulary.build("<pad> <unk> word", "word")
    assert 0 not in vocabulary.encode("<pad> <unk> word")
    assert vocabulary.encode("<unk>") == [1]


def test_words_are_joined_as_they_are_usually_written():
    vocabulary = Vocabulary.build("Hello , ( world ) ! 你 好 ， 世 界\n", "word")
    assert (
        vocabulary.decode(vocabulary.encode("Hello, (world)!\n你好，世界")) == "Hello, (world)!\n你好，世界"
    )


@pytest.mark.parametrize("unit", ["word", "char", "blank"])
def test_long_texts_are_cut_the_same_in_pieces(unit):
    text = "A line of words, and 1.5 more.\n" * 8000
    vocabulary = Vocabulary.build(text, unit)
    once = vocabulary.encode(text[:31])
    assert vocabulary.encode(text) == once * 8000


def test_a_text_that_is_cut_already_keeps_its_tokens():
    text = " mr. <unk> 's plan did n't\n cost $ N <pad>\n"
    vocabulary = Vocabulary.build(text, "blank")
    tokens = ["mr.", "<unk>", "'s", "plan", "did", "n't", "\n", "cost", "$", "N", "pad>", "\n"]
    assert vocabulary.tokens(text) == tokens
    assert vocabulary.decode(vocabulary.encode(text)) == "mr. □ 's plan did n't\ncost $ N pad>\n"


@pytest.mark.parametrize("number", [-1, 4])
def test_numbers_out_of_range(number):
    with pytest.raises(IndexError, match="outside 0 to 3"):
        Vocabulary.build("ab", "char").decode([number])


def test_json_gives_the_same_vocabulary():
    vocabulary = Vocabulary.build("The quick 棕色 fox\n", "word", lower=True)
    again = Vocabulary.from_json(json.loads(json.dumps(vocabulary.to_json())))
    assert again == vocabulary
    assert again.encode("the FOX 棕 ?") == vocabulary.encode("the FOX 棕 ?")


GOOD = {"format": 1, "unit": "char", "lower": False, "tokens": ["<pad>", "<unk>", "a", "b"]}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": 2}, "format 2"),
        ({"format": True}, "format True"),
        ({"unit": "byte"}, "a bad unit or lower"),
        ({"lower": 0}, "a bad unit or lower"),
        ({"extra": 1}, "other keys"),
        ({"tokens": "ab"}, "tokens that are no texts"),
        ({"tokens": ["<pad>", "<unk>", 3]}, "tokens that are no texts"),
        ({"tokens": ["<pad>", "<unk>", ""]}, "tokens that are no texts"),
        ({"tokens": ["<unk>", "<pad>", "a"]}, "no <pad>, <unk> in front"),
        ({"tokens": ["<pad>", "<unk>", "a", "a"]}, "doubled tokens"),
        ({"tokens": ["<pad>", "<unk>", "ab"]}, "a token of several characters"),
    ],
)
def test_tampered_vocabularies_are_refused(change, reason):
    assert Vocabulary.from_json(GOOD)
    with pytest.raises(RunError, match=f"a vocabulary that cannot be trusted.*{reason}"):
        Vocabulary.from_json(GOOD | change)


@pytest.mark.parametrize("facts", [None, [], "x", {}])
def test_what_is_no_vocabulary(facts):
    with pytest.raises(RunError, match="other keys"):
        Vocabulary.from_json(facts)


@pytest.mark.parametrize(
    ("settings_", "reason"),
    [
        ({"unit": "byte"}, "unknown unit of text: got byte, expected auto, word, char or blank"),
        ({"min_count": 0}, "min_count is too small: got 0"),
        ({"max_size": 2}, "max_size is too small: got 2"),
    ],
)
def test_settings_out_of_range(settings_, reason):
    with pytest.raises(SettingError, match=reason):
        Vocabulary.build("text", **settings_)


def test_texts_without_tokens():
    with pytest.raises(DataError, match="no token in the texts: got 2 texts"):
        Vocabulary.build(["", " "], "word")


def test_real_chinese_and_english(shared_data):
    reviews = load_texts(shared_data / "chnsenticorp_hotel" / "ChnSentiCorp_htl_all.csv.gz").texts[:500]
    characters = Vocabulary.build(reviews)
    assert characters.unit == "char"
    assert all(characters.decode(characters.encode(review)) == review for review in reviews)
    play = read_text(shared_data / "tinyshakespeare" / "input.txt")[:20_000]
    words = Vocabulary.build(play)
    assert words.unit == "word"
    assert (
        words.decode(words.encode(play)).split()
        == words.decode(words.encode(play.replace(" ", "  "))).split()
    )
