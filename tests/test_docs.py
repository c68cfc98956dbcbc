"""Every Python block in docs/ runs, prints what the page says it prints, and draws the figures that are shown."""

import contextlib
import io
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"
FIGURES = DOCS / "assets/inside"
TRANSLATED = sorted((DOCS / "guide").rglob("*.zh-CN.md"))
BLOCK = re.compile(r"```python\n(.*?)```(?:\n```\n(.*?)```)?", re.DOTALL)
NUMBER = re.compile(r"[-+−]?\d[\d,]*\.?\d*(?:e[-+−]?\d+)?")


def own_blocks(page: Path) -> bool:
    """Whether a page has code; a translation whose code is the original's, word for word, is run there."""
    text = page.read_text(encoding="utf-8")
    original = page.with_name(page.name.replace(".zh-CN", ""))
    same = page != original and BLOCK.findall(text) == BLOCK.findall(original.read_text(encoding="utf-8"))
    return "```python" in text and not same


PAGES = [p for p in sorted(DOCS.rglob("*.md")) if own_blocks(p)]


def number(text: str) -> float:
    return float(text.replace(",", "").replace("−", "-"))


def agree(made: str, shown: str, near: float) -> None:
    """The same words, and numbers that differ by no more than a share or `near`: processors round in their way."""
    assert NUMBER.sub("#", made) == NUMBER.sub("#", shown)
    for a, b in zip(NUMBER.findall(made), NUMBER.findall(shown), strict=True):
        assert abs(number(a) - number(b)) <= max(near, 0.02 * abs(number(b))), (a, b)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(DOCS)))
def test_the_page_is_true(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    scope: dict[str, object] = {}
    for code, shown in BLOCK.findall(page.read_text(encoding="utf-8")):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, str(page), "exec"), scope)
        if page.parent.name == "inside":
            agree(printed.getvalue(), shown, 0.011)
        else:
            assert printed.getvalue() == shown, code
    shown_on = set(re.findall(r"assets/inside/([\w.-]+\.svg)", page.read_text(encoding="utf-8")))
    assert {made.name for made in tmp_path.glob("*.svg")} == shown_on
    for name in shown_on:
        same_picture(
            (tmp_path / name).read_text(encoding="utf-8"), (FIGURES / name).read_text(encoding="utf-8")
        )


def same_picture(made: str, shown: str) -> None:
    """The same texts and nearly the same places: nine numbers of ten within six pixels."""
    kinds = [re.findall(r"<(\w+)", picture) for picture in (made, shown)]
    assert kinds[0] == kinds[1]
    pairs = list(zip(NUMBER.findall(made), NUMBER.findall(shown), strict=True))
    far = [pair for pair in pairs if abs(number(pair[0]) - number(pair[1])) > 6]
    assert len(far) <= len(pairs) / 10, far[:9]


def test_there_are_pages() -> None:
    assert PAGES
    assert {p.name for p in FIGURES.iterdir()} == {
        name
        for p in DOCS.rglob("*.md")
        for name in re.findall(r"assets/inside/([\w.-]+)", p.read_text("utf-8"))
    }


@pytest.mark.parametrize("page", TRANSLATED, ids=lambda p: p.name)
def test_a_translation_has_the_same_parts(page: Path) -> None:
    both = [p.read_text(encoding="utf-8") for p in (page, page.with_name(page.name.replace(".zh-CN", "")))]
    for what in (r"^#+ ", r"^```\w*$", r"^!\[", r"^\d\. ", r"^\|"):
        assert len(re.findall(what, both[0], re.M)) == len(re.findall(what, both[1], re.M)), what


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda p: str(p.relative_to(DOCS)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target
