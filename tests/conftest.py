"""What every test shares: data sets beside the checkout, one thread, seeded generators, long files first."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

import pytest

# Few tests that take long. A file is one worker's: begun late, these would keep one at work alone.
LONG = ("test_examples.py", "test_docs.py", "test_cases.py")
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def shared_data() -> Path:
    """The folder of shared data sets; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("the shared data sets are not beside this checkout (../shared/data)")
    return SHARED


@pytest.fixture(autouse=True)
def _deterministic() -> None:
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(1)


def pytest_configure(config: pytest.Config) -> None:
    """A worker process of pytest-xdist ignores Ctrl-C; the tests of Ctrl-C want Python's own handler."""
    if hasattr(config, "workerinput"):
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest come first, then those of most tests; in a file the order stays random."""
    count = Counter(item.path for item in items)
    items.sort(key=lambda item: (item.path.name not in LONG, -count[item.path]))


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden`: write the emitted texts anew instead of comparing them."""
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite tests/golden from what is emitted now"
    )


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether the golden texts are to be rewritten."""
    return bool(request.config.getoption("--update-golden"))
