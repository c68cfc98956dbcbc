"""Learn the prose of the Python documentation, character by character, and write some more of it.

    python examples/generate_pydoc.py

The text comes with every Python. Seconds of training are enough for words, not for sense: see the n-gram
baselines beside the score. For a better model: `cellwright train generate pydoc`.
"""

import torch

from cellwright import Generator
from cellwright.samples import text

torch.set_num_threads(1)  # a net this small is no faster on more

model = Generator(cell="gru", units=128, chunk=64, epochs=2, batch_size=12, learning_rate=7e-3, dropout=0.0)
model.fit(text("pydoc")[:200_000], test=0.05)

print("on the last 5 % of the text (perplexity; bits per character):")
scores = {"GRU of 128 units": model.metrics_["test"], **model.metrics_["baselines"]}
for name, score in scores.items():
    print(f"  {name:18} {score['perplexity']:6.2f} {score['bits_per_character']:6.2f}")

for temperature in (0, 0.5, 1.0):
    print(f"\ntemperature {temperature}: The with statement ", end="")
    for piece in model.stream_text("The with statement ", length=150, temperature=temperature, seed=1):
        print(piece, end="", flush=True)
    print()
