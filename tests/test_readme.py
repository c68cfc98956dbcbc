"""The README, the tree and `--help` say the same, in both languages; what the page shows is what comes out."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest

import cellwright
from cellwright.cli import main
from cellwright.cli.verbs import TASKS, VERBS, WITH_TASK

ROOT = Path(__file__).resolve().parents[1]
ENGLISH, CHINESE = "README.md", "README.zh-CN.md"
PAGES = (ENGLISH, CHINESE)
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    return [body for kind, body in BLOCK.findall(text(page)) if kind == language]


def tree(page: str) -> list[str]:
    """The paths of the annotated tree, the last block of the page."""
    found, folder = [], ""
    for line in BLOCK.findall(text(page))[-1][1].splitlines():
        name = line.split()[0]
        folder = "" if not line.startswith(" ") else folder
        found.append(folder + name)
        if not line.startswith(" ") and name.endswith("/") and len(line.split()) == 1:
            folder = name
    return found


def commands(page: str) -> list[list[str]]:
    """Every `cellwright ...` of the page, in blocks and in running text, as words."""
    lines = [
        line.removeprefix("$ ")
        for kind in ("sh", "console")
        for b in blocks(page, kind)
        for line in b.splitlines()
    ]
    prose = BLOCK.sub("", text(page))
    lines += [code for code in re.findall(r"`([^`\n]+)`", prose) if code.startswith("cellwright ")]
    typed = [line.split("&& ")[-1].removeprefix(".venv/bin/") for line in lines]
    return [shlex.split(line)[1:] for line in typed if line.startswith("cellwright ")]


def help_of(words: list[str]) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert main([*words, "--help"]) == 0
    return printed.getvalue()


@pytest.mark.parametrize("page", PAGES)
def test_every_path_of_the_tree_exists(page: str) -> None:
    missing = [path for path in tree(page) if not (ROOT / path).exists()]
    assert not missing
    assert len(tree(page)) > 15


@pytest.mark.parametrize("page", PAGES)
def test_every_room_is_in_the_tree(page: str) -> None:
    source = Path(cellwright.__file__).parent
    rooms = {f"src/cellwright/{p.name}/" for p in source.iterdir() if (p / "__init__.py").exists()}
    rooms |= {f"src/cellwright/{p.name}" for p in source.glob("*.py")}
    assert rooms <= set(tree(page))


def test_both_trees_are_one() -> None:
    assert tree(ENGLISH) == tree(CHINESE)


def test_both_pages_have_the_same_blocks() -> None:
    """Word for word, but for the annotations of the tree."""
    english, chinese = BLOCK.findall(text(ENGLISH)), BLOCK.findall(text(CHINESE))
    assert english[:-1] == chinese[:-1]
    assert len(english) == len(chinese)


def test_both_pages_have_the_same_commands_headings_and_links() -> None:
    assert commands(ENGLISH) == commands(CHINESE)
    assert re.findall(r"^#+", text(ENGLISH), re.M) == re.findall(r"^#+", text(CHINESE), re.M)
    found = [[link.replace(".zh-CN", "") for link in targets(page)] for page in PAGES]
    links = [[link for link in page if not link.startswith("README")] for page in found]
    assert links[0] == links[1]


def targets(page: str) -> list[str]:
    return re.findall(r"\]\((?!https?:)([^)#]+)\)", text(page))


@pytest.mark.parametrize("page", [*PAGES, "CONTRIBUTING.md", "CHANGES.md"])
def test_links_lead_somewhere(page: str) -> None:
    assert [target for target in targets(page) if not (ROOT / target).exists()] == []


@pytest.mark.parametrize("words", commands(ENGLISH), ids=shlex.join)
def test_every_command_exists_with_its_options(words: list[str]) -> None:
    verbs, tasks = {row.name for row in VERBS}, {row.name for row in TASKS}
    assert words[0] in verbs
    named = words[:1]
    if words[0] in WITH_TASK:
        assert words[1] in tasks
        named = words[:2]
    shown = help_of(named)
    for option in (word for word in words if word.startswith("--") and word != "--help"):
        assert re.search(rf"(?<![\w-]){option}(?![\w-])", shown), option


def test_the_picture_is_there_and_small() -> None:
    picture = ROOT / "docs/assets/report.png"
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert picture.stat().st_size < 200_000


def test_the_set_up_is_one_line_each() -> None:
    install, test = blocks(ENGLISH, "sh")[:2]
    for line in (install, test):
        assert line.count("\n") == 1
        assert "-m venv .venv && " in line
        assert "-c constraints.txt" in line
    assert install.endswith("cellwright train forecast air_passengers\n")
    assert test.endswith("pytest -n 2\n")


def test_python_snippets_print_what_the_page_says() -> None:
    shown = re.compile(r"^```python\n(.*?)^```\n(?:```\n(.*?)^```$)?", re.DOTALL | re.MULTILINE)
    scope: dict[str, object] = {}
    found = shown.findall(text(ENGLISH))
    assert len(found) == len(blocks(ENGLISH, "python")) >= 3
    for code, wanted in found:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, ENGLISH, "exec"), scope)
        assert printed.getvalue() == wanted, code


def test_the_cell_of_the_page_works_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = next(block for block in blocks(ENGLISH, "python") if "def leaky" in block)
    (tmp_path / "leaky.py").write_text(code, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    words = next(words for words in commands(ENGLISH) if words[:2] == ["describe", "leaky.py:leaky"])
    assert main(words) == 0
    assert "h_t = (1 - a_t) ⊙ h_{t-1}" in capsys.readouterr().out


def test_bad_input_gets_the_line_that_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = [part.split("\n", 1) for part in blocks(ENGLISH, "console")[0].split("$ cellwright ") if part]
    assert len(shown) >= 2
    for command, message in shown:
        assert main(shlex.split(command)) == 2
        printed = capsys.readouterr()
        assert printed.err == message
        assert not printed.out
    assert list(tmp_path.iterdir()) == []
