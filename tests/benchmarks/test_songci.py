"""The measure of poems: line lengths, and lines at their place beside the nearest pattern."""

from benchmarks.tasks.songci import lines_of, pattern, right_lines


def test_lines_are_what_stands_between_punctuation() -> None:
    assert lines_of("缥缈云间质，轻盈波上身。不是野花凡草、等闲春。") == [
        "缥缈云间质",
        "轻盈波上身",
        "不是野花凡草",
        "等闲春",
    ]
    assert pattern("缥缈云间质，轻盈波上身。") == (5, 5) and pattern("") == ()


def test_lines_are_compared_at_their_place_with_the_nearest_pattern() -> None:
    known = [(5, 5, 7), (7, 7)]
    assert right_lines((5, 5, 7), known) == (3, 3)
    assert right_lines((5, 6, 7), known) == (2, 3)
    assert right_lines((7, 7, 7), known) == (2, 3)
    assert right_lines((5, 5), known) == (2, 3)
    assert right_lines((), known) == (0, 3)  # none is nearer: the first
