"""The classifier of every textbook, embedding -> LSTM(64) -> softmax, in five lines; then the whole of it.

The sentences are the bundled sample `word_order`: only the order of the words tells the label.
Run: python examples/classifier_in_five_lines.py
"""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

import cellwright as cw
from cellwright.samples.word_order import rows
from cellwright.tasks.vocab import Vocabulary

WORDS, CLASSES, LONGEST, EPOCHS = 200, 2, 48, 8


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, 32, padding_idx=0)  # numbers of words to vectors
        self.lstm = cw.nn.LSTM(32, 64)  # reads them in order; c and h carry what was read
        self.head = nn.Linear(64, CLASSES)  # the last state to a number for each class

    def forward(self, x, lengths):
        _, (h, _) = self.lstm(pack_padded_sequence(self.embedding(x), lengths, enforce_sorted=False))
        return self.head(h[-1]).softmax(-1)  # probabilities, [B, 2]


def batch(pairs, vocabulary, names):
    """Sentences and labels as numbers, time first."""
    numbers = [torch.tensor(vocabulary.encode(text)[:LONGEST]) for text, _ in pairs]
    lengths = torch.tensor([len(row) for row in numbers])
    return pad_sequence(numbers), lengths, torch.tensor([names.index(name) for _, name in pairs])


def main():
    torch.manual_seed(0)
    data = rows()
    train, test = data[:640], data[640:]
    vocabulary = Vocabulary.build([text for text, _ in train], "word", max_size=WORDS)
    names = sorted({label for _, label in train})
    network = Classifier()
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
    for _ in range(EPOCHS):
        for begin in range(0, len(train), 32):
            x, lengths, y = batch(train[begin : begin + 32], vocabulary, names)
            loss = nn.functional.nll_loss(network(x, lengths).log(), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        x, lengths, y = batch(test, vocabulary, names)
        right = float((network(x, lengths).argmax(-1) == y).float().mean())
    count = sum(p.numel() for p in network.parameters())
    print(f"by hand, {count:,} parameters, {EPOCHS} epochs: {right:.1%} of new sentences right")

    settings = {"units": 64, "embedding": 32, "pooling": "last", "bidirectional": False, "pairs": False}
    model = cw.Classifier(**settings, epochs=EPOCHS, passes=1, learning_rate=5e-3)
    model.fit([text for text, _ in train], [label for _, label in train])
    share = model.score([text for text, _ in test], [label for _, label in test])
    print(
        f"cw.Classifier, the same network with dropout, validation and the best epoch kept: {share:.1%} right"
    )
    assert right > 0.9 and share > 0.9


if __name__ == "__main__":
    main()
