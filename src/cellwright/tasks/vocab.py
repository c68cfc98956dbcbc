"""Vocabularies: text to token numbers and back, by words or by characters, whichever fits the script.

Counting and order are ours; cutting and look-up are Hugging Face `tokenizers`. Refuses texts without any
token, and a stored vocabulary that was tampered with. Floor 6 (tasks).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, TypeAlias, get_args

from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split

from cellwright.errors import DataError, RunError, SettingError

Kind: TypeAlias = Literal["word", "char", "blank"]
Unit: TypeAlias = Literal["auto", "word", "char", "blank"]

PAD, UNKNOWN = "<pad>", "<unk>"
SHOWN_UNKNOWN = "□"
# Scripts written without blanks between words: Han, kana, Thai, Lao, Burmese, Khmer.
_BLANKLESS = (
    "\u3005\u3006\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
    "\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9d"
    "\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff"
)
_BLANKLESS_LETTER = re.compile(f"[{_BLANKLESS}]")
_LETTERS = rf"(?:(?![{_BLANKLESS}])[\p{{L}}\p{{M}}\p{{N}}_])+"
_WORD = (
    r"\n"  # a line's end is a token
    r"|<(?!pad>)[a-z]+>"  # a mark such as <unk> or <eos>; <pad> is ours alone
    rf"|[{_BLANKLESS}]\p{{M}}*"  # a character of a script without blanks
    r"|\p{N}+(?:[.,]\p{N}+)+"  # 3.14
    rf"|{_LETTERS}(?:['’]{_LETTERS})*"  # a word, don't too
    r"|[^\s]"  # punctuation and signs, one by one
)
_CHARACTER = r"[\s\S]"
_BETWEEN_BLANKS = r"\n|(?!<pad>(?:\s|$))\S+"
_CHUNK = 100_000  # characters given to the tokenizer at a time, to bound its memory
_NO_BLANK_BEFORE = frozenset(".,;:!?%)]}…’”、。，；：！？）】》」』\n")
_NO_BLANK_AFTER = frozenset("([{‘“（【《「『、。，；：！？）】》」』\n")


class Vocabulary:
    """Token numbers of a text: 0 is padding, 1 the unknown token, then tokens by count, then by their text.

    With `char` every character is a token, blanks and line ends too, and `decode` gives back the text
    exactly. With `word` a token is a word, a number, a sign, a line's end, or one character of a script
    without blanks (Chinese, Japanese, Thai), so mixed text is cut well; blanks are not tokens. With `blank`
    a text that is cut already (Penn Treebank) keeps its tokens: what stands between blanks, and line ends.

    Args:
        tokens: all tokens, `<pad>` and `<unk>` first.
        unit: `word`, `char` or `blank`.
        lower: whether texts are put in lower case before they are cut.
    """

    def __init__(self, tokens: Sequence[str], unit: Kind, *, lower: bool = False) -> None:
        if tuple(tokens[:2]) != (PAD, UNKNOWN) or len(set(tokens)) != len(tokens):
            raise ValueError("tokens start with <pad>, <unk> and are distinct")
        self.unit, self.lower = unit, lower
        self._tokens = tuple(tokens)
        self._tokenizer = _tokenizer({token: number for number, token in enumerate(tokens)}, unit)

    @classmethod
    def build(
        cls,
        texts: str | Iterable[str],
        unit: Unit = "auto",
        *,
        lower: bool = False,
        min_count: int = 1,
        max_size: int | None = None,
    ) -> Vocabulary:
        """Count the tokens of `texts` (one text or many) and keep the frequent ones.

        Args:
            texts: the training texts.
            unit: `auto` takes characters where most letters are of a script without blanks, words otherwise.
            lower: put texts in lower case.
            min_count: leave out tokens seen less often.
            max_size: keep at most so many tokens, the two special ones included.

        Raises:
            DataError: no token at all.
            SettingError: an unknown unit, a count below 1, a size below 3.

        >>> Vocabulary.build(["我爱中国", "中国爱我"]).unit
        'char'
        >>> vocabulary = Vocabulary.build("to be or not to be")
        >>> vocabulary.encode("to be !"), vocabulary.decode([3, 2, 1])
        ([3, 2, 1], 'to be □')
        """
        held = [texts] if isinstance(texts, str) else list(texts)
        _check_settings(unit, min_count, max_size)
        kind = choose_unit(held) if unit == "auto" else unit
        counts: Counter[str] = Counter()
        cutter = _tokenizer({UNKNOWN: 1}, kind)
        for text in held:
            counts.update(_cut(cutter, text.lower() if lower else text, kind))
        for special in (PAD, UNKNOWN):
            counts.pop(special, None)
        kept = sorted(
            (token for token in counts if counts[token] >= min_count), key=lambda t: (-counts[t], t)
        )
        if not kept:
            raise DataError(
                "no token in the texts", got=f"{len(held)} texts", fix="check the text column, min_count"
            )
        room = None if max_size is None else max_size - 2
        return cls([PAD, UNKNOWN, *kept[:room]], kind, lower=lower)

    def __len__(self) -> int:
        """How many tokens, the two special ones included."""
        return len(self._tokens)

    def __contains__(self, token: str) -> bool:
        return self._tokenizer.token_to_id(token) is not None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.to_json() == other.to_json()

    def __hash__(self) -> int:
        return hash((self._tokens, self.unit, self.lower))

    def __repr__(self) -> str:
        return f"Vocabulary({len(self)} tokens, unit={self.unit!r}, lower={self.lower})"

    @property
    def all_tokens(self) -> tuple[str, ...]:
        """Every token, by number."""
        return self._tokens

    def tokens(self, text: str) -> list[str]:
        """The tokens of `text`, known or not.

        >>> Vocabulary.build("a", "word").tokens("我爱Python, don't you?")
        ['我', '爱', 'Python', ',', "don't", 'you', '?']
        """
        return list(_cut(self._tokenizer, self._cased(text), self.unit))

    def encode(self, text: str) -> list[int]:
        """The token numbers of `text`; unknown tokens are 1."""
        encoded = self._tokenizer.encode_batch(list(_chunks(self._cased(text), self.unit)))
        return [number for part in encoded for number in part.ids]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of token numbers: exact for characters; for words with blanks where they are usual.

        Padding is left out, the unknown token is shown as `□`. Raises `IndexError` for a number out of range.
        """
        numbers = [int(number) for number in ids]
        if any(not 0 <= number < len(self) for number in numbers):
            raise IndexError(f"a token number outside 0 to {len(self) - 1}")
        shown = [SHOWN_UNKNOWN if number == 1 else self._tokens[number] for number in numbers if number != 0]
        if self.unit == "char":
            return "".join(shown)
        if self.unit == "blank":
            return " ".join(shown).replace(" \n", "\n").replace("\n ", "\n")
        return _joined(shown)

    def describe(self) -> str:
        """One line for the user.

        >>> Vocabulary.build("ab ba").describe()
        '4 tokens (words)'
        """
        kind = {"char": "characters", "word": "words", "blank": "words between blanks"}[self.unit]
        if self.unit == "word" and choose_unit(self._tokens[2:]) == "char":
            kind = "characters, and words of other scripts"
        return f"{len(self)} tokens ({kind}{', lower case' if self.lower else ''})"

    def to_json(self) -> dict[str, Any]:
        """What `from_json` takes: plain values that go into `model.json`."""
        return {"format": 1, "unit": self.unit, "lower": self.lower, "tokens": list(self._tokens)}

    @classmethod
    def from_json(cls, facts: Any) -> Vocabulary:
        """The vocabulary that `to_json` wrote.

        Raises:
            RunError: anything else: missing or foreign keys, doubled tokens, wrong types.
        """
        problem = _problem(facts)
        if problem:
            raise RunError(
                "a vocabulary that cannot be trusted",
                where="model.json",
                got=problem,
                fix="train the model again",
            )
        return cls(facts["tokens"], facts["unit"], lower=facts["lower"])

    def _cased(self, text: str) -> str:
        return text.lower() if self.lower else text


def choose_unit(texts: Iterable[str]) -> Literal["word", "char"]:
    """Characters where most letters are of a script without blanks, words otherwise.

    >>> choose_unit(["hello world"]), choose_unit(["今天天气很好 ok"])
    ('word', 'char')
    """
    letters = blankless = 0
    for text in texts:
        letters += sum(map(str.isalpha, text))
        blankless += len(_BLANKLESS_LETTER.findall(text))
    return "char" if 2 * blankless > letters else "word"


def parted(text: str) -> str:
    """Words with one blank between them, each character of a script without blanks a word.

    >>> parted("我爱 Python")
    '我 爱 Python'
    """
    return " ".join(_BLANKLESS_LETTER.sub(r" \g<0> ", text).split())


def _tokenizer(numbers: dict[str, int], unit: str) -> Tokenizer:
    tokenizer = Tokenizer(WordLevel(vocab=numbers, unk_token=UNKNOWN))
    if unit == "char":
        tokenizer.pre_tokenizer = Split(Regex(_CHARACTER), behavior="isolated")
    else:
        cut = _WORD if unit == "word" else _BETWEEN_BLANKS
        tokenizer.pre_tokenizer = Split(Regex(cut), behavior="removed", invert=True)
    return tokenizer


def _cut(tokenizer: Tokenizer, text: str, unit: str) -> Iterator[str]:
    if unit == "char":
        yield from text
        return
    for chunk in _chunks(text, unit):
        yield from (token for token, _ in tokenizer.pre_tokenizer.pre_tokenize_str(chunk))


def _chunks(text: str, unit: str) -> Iterator[str]:
    """Pieces of the text that can be cut apart: anywhere for characters, after a blank for words."""
    start = 0
    while start < len(text):
        end = start + _CHUNK
        if unit != "char" and end < len(text):
            blank = re.compile(r"\s").search(text, end)
            end = blank.end() if blank else len(text)
        yield text[start:end]
        start = end


def _joined(tokens: Sequence[str]) -> str:
    pieces: list[str] = []
    last = "\n"
    for token in tokens:
        both_blankless = _BLANKLESS_LETTER.match(last) and _BLANKLESS_LETTER.match(token)
        if last not in _NO_BLANK_AFTER and token not in _NO_BLANK_BEFORE and not both_blankless:
            pieces.append(" ")
        pieces.append(token)
        last = token
    return "".join(pieces)


def _check_settings(unit: str, min_count: int, max_size: int | None) -> None:
    if unit not in get_args(Unit):
        raise SettingError("unknown unit of text", got=unit, expected="auto, word, char or blank")
    if min_count < 1:
        raise SettingError("min_count is too small", got=min_count, expected="at least 1")
    if max_size is not None and max_size < 3:
        raise SettingError(
            "max_size is too small", got=max_size, expected="at least 3 (two tokens are special)"
        )


def _problem(facts: Any) -> str | None:
    if not isinstance(facts, dict) or set(facts) != {"format", "unit", "lower", "tokens"}:
        return "other keys than format, unit, lower, tokens"
    if facts["format"] != 1 or type(facts["format"]) is not int:
        return f"format {facts['format']!r}"
    if facts["unit"] not in get_args(Kind) or type(facts["lower"]) is not bool:
        return "a bad unit or lower"
    tokens = facts["tokens"]
    if not isinstance(tokens, list) or not all(isinstance(token, str) and token for token in tokens):
        return "tokens that are no texts"
    if tokens[:2] != [PAD, UNKNOWN] or len(set(tokens)) != len(tokens):
        return "doubled tokens, or no <pad>, <unk> in front"
    if facts["unit"] == "char" and any(len(token) != 1 for token in tokens[2:]):
        return "a token of several characters in a vocabulary of characters"
    return None
