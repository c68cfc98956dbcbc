"""How a network is trained: the loop, its plan, its watchers, and the run folder it writes. Floor 6."""
