"""What reads letters: means of vectors, numbers of letters together, places; both strands as one."""

from __future__ import annotations

import torch

from cellwright.tasks.alphabet import NUCLEOTIDE
from cellwright.tasks.networks import Ensemble
from cellwright.tasks.strands import BothStrands, Letters, within


def numbers(*texts: str) -> tuple[torch.Tensor, torch.Tensor]:
    rows = [torch.from_numpy(NUCLEOTIDE.numbers(text)) for text in texts]
    return torch.nn.utils.rnn.pad_sequence(rows), torch.tensor([len(text) for text in texts])


def letters(together: int = 1, places: int = 0, **settings: float) -> Letters:
    torch.manual_seed(0)
    usual = {"hidden": 0.0, "dropout": 0.0}
    return Letters(NUCLEOTIDE, 5, together=together, places=places, **{**usual, **settings})


def test_a_letter_that_means_several_is_their_mean() -> None:
    y = letters()(numbers("ACGTRN")[0])[:, 0]
    assert torch.allclose(y[4], (y[0] + y[2]) / 2)
    assert torch.allclose(y[5], y[:4].mean(0))


def test_padding_is_zero_and_places_count() -> None:
    module = letters(together=3, places=4)
    x, _ = numbers("AAAA", "AC")
    y = module(x)
    assert (y[2:, 1] == 0).all()
    assert not torch.allclose(y[1, 0], y[2, 0])
    assert torch.allclose(y[1, 0] - module.places[1], y[2, 0] - module.places[2])


def test_letters_together() -> None:
    """In the order of the alphabet; nothing where one is missing or unsure."""
    text = "ACGTTNAC"
    for k in (2, 3):
        found = letters(together=k).numbers(numbers(text)[0])[:, 0].tolist()
        for at, number in enumerate(found):
            word = text[max(0, at - (k - 1) // 2) : at - (k - 1) // 2 + k] if at >= (k - 1) // 2 else ""
            whole = len(word) == k and "N" not in word
            assert number == (1 + int("".join(str("ACGT".index(c)) for c in word), 4) if whole else 0), (
                k,
                at,
            )


def test_hidden_letters_are_any_letter_in_training_alone() -> None:
    module = letters(hidden=0.999999)
    x = numbers("ACGT")[0]
    assert torch.allclose(module(x), module(numbers("NNNN")[0]))
    assert torch.allclose(module.eval()(x)[0, 0], module.single[0])


class Counting(torch.nn.Module):
    """Logits that tell what was read: how often A, and what stands first."""

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return torch.stack([(x == 2).sum(0).float(), x[0].float()], -1)


def test_both_strands() -> None:
    x, lengths = numbers("AAC", "GATTA", "T")
    both = BothStrands(Counting(), NUCLEOTIDE).eval()
    turned, _ = numbers("GTT", "TAATC", "A")
    assert torch.equal(both.other(x, lengths), turned)
    one, other = (Counting()(strand, lengths).softmax(-1) for strand in (x, turned))
    assert torch.allclose(both(x, lengths).exp(), (one + other) / 2, atol=1e-6)
    assert torch.allclose(both(x, lengths), both(turned, lengths), atol=1e-6)
    both.train()
    torch.manual_seed(0)
    seen = {tuple(map(tuple, both(x, lengths).tolist())) for _ in range(30)}
    a, b = (Counting()(strand, lengths).tolist() for strand in (x, turned))
    assert {row[1] for row in seen} == {tuple(a[1]), tuple(b[1])}


def test_within() -> None:
    inner = Counting()
    assert within(BothStrands(Ensemble([inner, Counting()]), NUCLEOTIDE)) is inner
