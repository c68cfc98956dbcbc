"""I grew up in Italy ... I speak fluent ___: how far back does a cell remember? Measured by distance.

Every sentence names one of eight countries, goes on with other words, ends with "I speak fluent": the cell
must carry one word over all the others to say the language. Elman's network and the LSTM get the same
sentences; then both are asked at each distance. By chance one in eight is right.
Run: python examples/grew_up_in_italy.py
"""

import random

import torch
from torch import nn

import cellwright as cw

LANGUAGES = {
    "Italy": "Italian", "France": "French", "Spain": "Spanish", "Japan": "Japanese",
    "China": "Chinese", "Poland": "Polish", "Greece": "Greek", "Turkey": "Turkish",
}  # fmt: skip
TALK = "we had a small house and the sea was near my brother played outside every day until it rained"
WORDS = ["", "I", "grew", "up", "in", "speak", "fluent", *LANGUAGES, *dict.fromkeys(TALK.split())]
NUMBER = {word: k for k, word in enumerate(WORDS)}
DISTANCES, UNITS, STEPS, BATCH = (3, 10, 20, 40, 60), 32, 300, 64  # words from the country to the blank


def sentence(distance, choose):
    """The words, and which language is due: "I grew up in Italy the sea near ... I speak fluent"."""
    country = choose.randrange(len(LANGUAGES))
    talk = choose.choices(TALK.split(), k=distance - 3)
    return ["I", "grew", "up", "in", list(LANGUAGES)[country], *talk, "I", "speak", "fluent"], country


def batch(distances, choose):
    """Sentences side by side: numbers of words [T, B], lengths [B], languages [B]."""
    made = [sentence(distance, choose) for distance in distances]
    numbers = [torch.tensor([NUMBER[word] for word in words]) for words, _ in made]
    lengths = torch.tensor([len(row) for row in numbers])
    return nn.utils.rnn.pad_sequence(numbers), lengths, torch.tensor([country for _, country in made])


def trained(cell):
    """A network of this cell after batches of many distances; it answers from the last state."""
    torch.manual_seed(0)
    choose = random.Random(0)
    embedding, head = nn.Embedding(len(WORDS), 16), nn.Linear(UNITS, len(LANGUAGES))
    layer = cw.nn.Recurrent(cell, 16, UNITS)
    parameters = [*embedding.parameters(), *layer.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=5e-3)
    fall = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, STEPS)

    def answer(x, lengths):
        _, state = layer(embedding(x), lengths=lengths)
        return head(state["h"][-1])

    for _ in range(STEPS):
        distance = 3 + int((max(DISTANCES) - 2) * choose.random() ** 3)  # short ones more often
        x, lengths, y = batch([distance] * BATCH, choose)
        optimizer.zero_grad()
        nn.functional.cross_entropy(answer(x, lengths), y).backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step(), fall.step()
    return answer


def main():
    print("words between  ", *(f"{distance:>6}" for distance in DISTANCES))
    right = {}
    for cell in ("elman", "lstm"):
        answer, choose = trained(cell), random.Random(1)
        for distance in DISTANCES:
            x, lengths, y = batch([distance] * 200, choose)
            with torch.no_grad():
                right[cell, distance] = float((answer(x, lengths).argmax(-1) == y).float().mean())
        print(f"{cell:15}", *(f"{right[cell, distance]:>6.1%}" for distance in DISTANCES))
    assert min(right["elman", 3], right["lstm", 60]) > 0.9 > right["elman", 60] + 0.3


if __name__ == "__main__":
    main()
