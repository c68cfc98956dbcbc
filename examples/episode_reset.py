"""Episodes end to end: no padding, and no memory of one episode in the next.

240 episodes of 1 to 60 steps are laid end to end in 8 rows; `reset` marks where each begins. The network
must say at every step whether a signal has come *in this episode*, so what it remembers of the one before
misleads. With the marks the outputs are those of each episode alone; without them the network has to guess
where episodes begin. Run: python examples/episode_reset.py
"""

import torch

import cellwright as cw

ROWS, EPISODES = 8, 240


def episodes(generator):
    """Signals [T] of 0 and 1, rare, and whether one has come yet."""
    for length in torch.randint(1, 61, (EPISODES,), generator=generator).tolist():
        signal = (torch.rand(length, generator=generator) < 1 / 30).float()
        yield signal, signal.cummax(0).values


def end_to_end(pairs):
    """x, goal and marks, each [T, ROWS]: every episode goes to the row that is shortest so far."""
    rows = [[] for _ in range(ROWS)]
    for pair in pairs:
        min(rows, key=lambda row: sum(len(x) for x, _ in row)).append(pair)
    steps = min(sum(len(x) for x, _ in row) for row in rows)
    x, goal = (torch.stack([torch.cat([p[k] for p in row])[:steps] for row in rows], 1) for k in (0, 1))
    marks = [torch.cat([torch.arange(len(x)) == 0 for x, _ in row])[:steps] for row in rows]
    return x, goal, torch.stack(marks, 1)


def train(x, goal, marks):
    """A layer and a head that say whether the signal has come; the share of steps they say rightly."""
    torch.manual_seed(0)
    layer, head = cw.nn.Recurrent("gru", 1, 16), torch.nn.Linear(16, 1)
    optimiser = torch.optim.Adam([*layer.parameters(), *head.parameters()], 0.01)
    for _ in range(60):
        said = head(layer(x.unsqueeze(-1), reset=marks)[0]).squeeze(-1)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(said, goal)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return layer, ((said > 0) == (goal > 0.5)).float().mean().item()


def main():
    """With the marks and without."""
    pairs = list(episodes(torch.Generator().manual_seed(1)))
    x, goal, marks = end_to_end(pairs)
    padded = EPISODES * max(len(x) for x, _ in pairs)
    print(f"{int(marks.sum())} episodes, {x.numel():,} steps end to end, {padded:,} if they were padded")
    for given in (None, marks):
        layer, right = train(x, goal, given)
        print(f"{'with' if given is not None else 'without'} marks: {right:.1%} of steps right")
    begin = marks[:, 0].nonzero().flatten()[3:5].tolist()
    whole = layer(x.unsqueeze(-1), reset=marks)[0][begin[0] : begin[1], 0]
    alone = layer(x[begin[0] : begin[1], :1])[0]
    print("an episode in its row is the episode alone:", torch.allclose(whole, alone, atol=1e-6))


if __name__ == "__main__":
    main()
