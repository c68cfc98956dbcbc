"""The page in a real browser: it opens without a complaint, and shows at every step what was recorded."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tests.page.inside.browser import Browser, find

import cellwright as cw
from cellwright.inspect.anatomy import anatomy
from cellwright.inspect.inside import Inside
from cellwright.inspect.view import view
from cellwright.page.inside import page

pytestmark = pytest.mark.skipif(find() is None, reason="there is no Chromium on this machine")
READY = "document.body.dataset.ready"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as one:
        yield one


@pytest.fixture
def shown(browser: Browser, opened, tmp_path: Path) -> Iterator[Browser]:
    browser.said.clear()
    browser.size(1200, 900)
    show(browser, opened[1], tmp_path)
    yield browser
    assert browser.said == []


def show(browser: Browser, data: dict, folder: Path, address: str = "") -> None:
    file = folder / "inside.html"
    file.write_text(page(data), encoding="utf-8")
    browser.open(file, address)
    browser.wait(f"{READY} !== undefined")


def number(text: str) -> float:
    return float(text.strip("()").replace("−", "-").replace("NaN", "nan"))


def at(browser: Browser, t: int, unit: int) -> None:
    browser.wait(f"({READY} || '').startsWith('{t} {unit} ')")


def numbers(browser: Browser) -> tuple[list[tuple[int, float]], dict[int, float]]:
    """The terms and the results that the equations show: by place in the graph."""
    terms = browser.value(
        "[...document.querySelectorAll('[data-place]')].map(s => [s.dataset.place, s.textContent])"
    )
    results = browser.value(
        "[...document.querySelectorAll('[data-result]')].map(s => [s.dataset.result, s.textContent])"
    )
    return [(int(p), number(text)) for p, text in terms], {int(p): number(text) for p, text in results}


def test_the_slider_moves_the_numbers_to_those_recorded(shown: Browser, opened) -> None:
    inside, data = opened
    recorded, found = cw.inspect.record(inside.layer, inside.x), anatomy(inside.layer, inside.x)
    for t, unit in ((0, 0), (7, 3), (len(inside.x) - 1, 5)):
        shown.value(
            f"""(() => {{ const step = document.getElementById("step"), unit = document.getElementById("unit");
            step.value = {t}; step.dispatchEvent(new Event("input"));
            unit.value = {unit}; unit.dispatchEvent(new Event("input")); }})()"""
        )
        at(shown, t, unit)
        terms, results = numbers(shown)
        for value in data["values"]:
            assert math.isclose(results[value["place"]], recorded[value["name"]][t, 0, unit], abs_tol=1e-3)
        assert len(terms) == 3 * 4 + 4 + 2
        for place, shown_number in terms:
            value = found.values[place]
            truth = value[unit] if value.dim() == 1 else value[t, 0, unit]
            assert math.isclose(shown_number, truth, abs_tol=1e-3), found.terms[place]


def test_keys_go_through_steps_units_and_colours(shown: Browser, opened) -> None:
    last = len(opened[0].x) - 1
    unit = int(shown.value(f"{READY}.split(' ')[1]"))
    shown.press("Home")
    at(shown, 0, unit)
    shown.press("ArrowRight")
    at(shown, 1, unit)
    shown.press("ArrowLeft")
    shown.press("ArrowLeft")
    at(shown, 0, unit)
    shown.press("End")
    at(shown, last, unit)
    for _ in range(7):
        shown.press("ArrowUp")
    at(shown, last, 0)
    shown.press("ArrowDown")
    at(shown, last, 1)
    shown.press("g")
    shown.wait(f"{READY}.split(' ')[2] === 'moved'")
    assert shown.value("document.getElementById('colour').value") == "moved"
    # The keys of the slider itself do not count twice.
    shown.value("document.getElementById('step').focus()")
    shown.press("ArrowLeft")
    at(shown, last - 1, 1)


def test_a_click_on_a_map_chooses_step_and_unit(shown: Browser, opened) -> None:
    place = opened[1]["values"][1]["place"]
    shown.value(f"document.getElementById('map-{place}').scrollIntoView({{block: 'center'}})")
    x, y, w, h = shown.value(
        f"(b => [b.x, b.y, b.width, b.height])(document.getElementById('map-{place}').getBoundingClientRect())"
    )
    steps = len(opened[0].x)
    shown.click(x + w * (8 + 0.5) / steps, y + h * (2 + 0.5) / 6)
    at(shown, 8, 2)
    assert shown.value("document.getElementById('colour').value") == opened[1]["values"][1]["name"]


def test_a_token_has_the_colour_of_its_unit(shown: Browser, opened) -> None:
    """The strongest and the weakest value of a unit have the extreme colours, and a click goes to a token."""
    inside, data = opened
    h = cw.inspect.record(inside.layer, inside.x)["h"][:, 0, 4]
    span = next(v["span"] for v in data["values"] if v["name"] == "h")
    shown.value(
        "(() => { const u = document.getElementById('unit'); u.value = 4; u.dispatchEvent(new Event('input')); })()"
    )
    shown.wait(f"{READY}.split(' ')[1] === '4'")
    colours = shown.value(
        "[...document.querySelectorAll('.token')].map(s => s.style.backgroundColor.match(/\\d+/g).map(Number))"
    )
    assert len(colours) == len(inside.x)
    ground, high, low = (243, 242, 237), (11, 92, 173), (168, 74, 12)
    for value, colour in zip(h.tolist(), colours, strict=True):
        share = max(-1.0, min(1.0, value / span[1]))
        far = high if share > 0 else low
        expected = [a + (b - a) * min(1, abs(share) * 1.05) for a, b in zip(ground, far, strict=True)]
        assert all(abs(a - b) <= 3 for a, b in zip(colour, expected, strict=True)), (value, colour, expected)
    shown.value("document.querySelectorAll('.token')[11].click()")
    shown.wait(f"{READY}.startsWith('11 ')")
    assert shown.value("document.querySelector('.token.here').dataset.t") == "11"


def test_the_other_language(shown: Browser) -> None:
    assert shown.value("document.querySelector('h1').textContent") == "A text"
    shown.press("l")
    shown.wait(f"{READY}.endsWith('zh')")
    assert shown.value("document.querySelector('h1').textContent") == "一段文本"
    assert shown.value("document.documentElement.lang") == "zh"
    left = shown.value(
        "[...document.querySelectorAll('[data-word]')].filter(s => !/[\\u4e00-\\u9fff]/.test(s.textContent)).length"
    )
    assert left == 0


def test_the_address_says_where_to_begin(browser: Browser, opened, tmp_path: Path) -> None:
    browser.said.clear()
    show(browser, opened[1], tmp_path, "#t=3&u=2&v=c&l=zh")
    browser.wait(f"{READY} === '3 2 c zh'")
    assert browser.said == []


@pytest.mark.parametrize("width", [390, 1200])
def test_nothing_is_wider_than_the_window(browser: Browser, opened, tmp_path: Path, width: int) -> None:
    browser.said.clear()
    browser.size(width, 800)
    show(browser, opened[1], tmp_path)
    assert browser.value("document.documentElement.scrollWidth") <= width
    assert browser.said == []


def test_values_that_are_no_numbers_are_shown(browser: Browser, tmp_path: Path) -> None:
    layer, x = cw.nn.Recurrent("gru", 1, 3), torch.randn(12, 1, 1)
    x[6] = torch.nan
    inside = Inside(
        layer,
        x,
        tuple(map(str, range(12))),
        lambda y: y[-1].sum(-1),
        ("N", "N"),
        ("n", "n"),
        x[:, 0],
        ("load",),
    )
    browser.said.clear()
    browser.size(1200, 900)
    show(browser, view(inside), tmp_path, "#t=8&u=1")
    _, results = numbers(browser)
    assert all(math.isnan(v) for v in results.values())
    place = layer.cell.graph.named["h"]
    colour = browser.value(
        f"""(() => {{ const map = document.getElementById("map-{place}");
        const context = map.getContext("2d");
        return [...context.getImageData(Math.floor(map.width * 8.5 / 12), Math.floor(map.height / 2), 1, 1).data]; }})()"""
    )
    assert colour == [214, 0, 147, 255]
    assert browser.said == []


def test_a_long_input_in_columns(browser: Browser, tmp_path: Path) -> None:
    layer, x = cw.nn.Recurrent("elman", 1, 4), torch.randn(3000, 1, 1)
    steps = tuple(str(k + 1) for k in range(3000))
    inside = Inside(layer, x, steps, lambda y: y[-1].sum(-1), ("L", "L"), ("l", "l"), x[:, 0], ("load",))
    data = view(inside, room=8000)
    assert data["stride"] > 1
    browser.said.clear()
    show(browser, data, tmp_path, "#t=100&u=2")
    assert browser.value("document.getElementById('notes') !== null")
    _, results = numbers(browser)
    first = 100 * data["stride"]
    h = cw.inspect.record(layer, x)["h"][first, 0, 2]
    assert math.isclose(results[layer.cell.graph.named["h"]], h, abs_tol=1e-3)
    assert browser.value("document.getElementById('where').textContent").startswith(f"{first + 1:,} / 3,000")
    browser.press("+")
    browser.press("End")
    browser.wait(f"{READY}.startsWith('{len(data['steps']) - 1} ')")
    assert browser.said == []


def test_a_unit_that_follows_something_is_pressed_by_keyboard(shown: Browser, opened) -> None:
    found = opened[1]["neurons"][0]
    shown.value("document.querySelector('button.follow').focus()")
    shown.press("Enter")
    shown.wait(f"{READY}.split(' ')[1] === '{found['unit']}'")
    assert shown.value("document.getElementById('colour').value") == found["value"]
