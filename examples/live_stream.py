"""A live stream over stdin: a number in each line, and for each what was expected and how far off it was.

    some-sensor | python examples/live_stream.py -

Without the dash it plays the sensor itself: a pulse that skips a beat, sent through a pipe to a process of
its own, which waits for each answer before it sends the next line. The network learns the pulse, one step
ahead; then `cw.Stream` takes it a step at a time and keeps its state (`snapshot` would give it out as bytes,
to go on another day). Run: python examples/live_stream.py
"""

import math
import subprocess
import sys

import torch

import cellwright as cw

BEAT, SKIPPED = 20, range(68, 80)


def pulse(step):
    """A sharp beat every 20 steps."""
    return math.exp(4 * math.cos(2 * math.pi * step / BEAT) - 4)


def trained():
    """A GRU and a line that say the next value; 150 steps of training are enough."""
    torch.manual_seed(0)
    layer, head = cw.nn.GRU(1, 24), torch.nn.Linear(24, 1)
    wave = torch.tensor([[pulse(t + shift) for shift in range(BEAT)] for t in range(81)])[..., None]
    wave = wave + 0.02 * torch.randn_like(wave)
    optimizer = torch.optim.Adam([*layer.parameters(), *head.parameters()], 0.01)
    for _ in range(150):
        optimizer.zero_grad()
        loss = (head(layer(wave[:-1])[0]) - wave[1:]).square()[20:].mean()
        loss.backward()
        optimizer.step()
    return layer.eval(), head.eval()


def answer(lines):
    """One answer for one line; a line that is no number is answered, too, and the stream goes on."""
    layer, head = trained()
    stream, expected = cw.Stream(layer), 0.0
    print(f"ready: {stream}, {stream.explain()}", flush=True)
    for line in lines:
        try:
            value = float(line)
        except ValueError:
            print(f"no number: {line.strip()!r}", flush=True)
            continue
        off = abs(value - expected) if stream.steps > BEAT else 0.0
        alarm = f"  off by {off:.2f} {'#' * round(20 * off)}" if off > 0.3 else ""
        print(f"{value:5.2f}, expected {expected:5.2f}{alarm}", flush=True)
        expected = head(stream.push(torch.tensor([value]))).item()


def play():
    """The sensor: it reads an answer for every line it writes."""
    command = [sys.executable, __file__, "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as listener:
        print(listener.stdout.readline(), end="")
        for step in range(100):
            value = 0.0 if step in SKIPPED else pulse(step)
            print(f"{value:.3f}" if step != 50 else "what?", file=listener.stdin, flush=True)
            said = listener.stdout.readline()
            if step >= 95 or "#" in said or "no number" in said:
                print(f"step {step:3}: {said}", end="")
        listener.stdin.close()


if __name__ == "__main__":
    answer(sys.stdin) if sys.argv[1:] == ["-"] else play()
