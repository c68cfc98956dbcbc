"""The page of the inside, from plain data: sections, both languages, the data, the script. Floor 4."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cellwright.page.inside.words import WORDS
from cellwright.page.markup import Child, Markup, el
from cellwright.page.numbers import number
from cellwright.page.shell import document, scroll, section

HERE = Path(__file__).parent
SCRIPTS = ("data.js", "draw.js", "page.js")
LOOKS = ("model", "base", "second", "good")
Data = Mapping[str, Any]


def page(data: Data) -> str:
    """One self-contained HTML page that shows `data` and lets the reader step through it.

    Args:
        data: what `cellwright.inspect.view.view` gives.
    """
    sections = [
        _input(data),
        _equations(data),
        _maps(data),
        _flow(data) if data["flow"]["states"] else None,
        _beside(data) if data["beside"] else None,
        _neurons(data) if data["neurons"] else None,
        _health(data) if data["health"] else None,
        _notes(data) if data["notes"] else None,
    ]
    return document(
        f"{data['title'][0]} – Cellwright inside",
        el("h1", _both(data["title"])),
        el("p", _cell(data), " · ", _both(data["said"]), class_="lead"),
        el("noscript", el("p", WORDS["no_script"][0], " ", WORDS["no_script"][1])),
        _controls(data),
        *sections,
        el("footer", _word("offline")),
        kind="inside",
        styles=[(HERE / "inside.css").read_text(encoding="utf-8")],
        scripts=[script()],
        data={**data, "words": WORDS},
    )


def script() -> str:
    """The page's script: all files in one scope of their own."""
    text = "\n".join((HERE / name).read_text(encoding="utf-8") for name in SCRIPTS)
    return f'"use strict";\n(() => {{\n{text}\n}})();\n'


def _word(key: str) -> Markup:
    """A word in English, to be exchanged by the script."""
    return el("span", WORDS[key][0], data_word=key)


def _named(name: str) -> Markup:
    """A value of the equations at step t."""
    return el("span", el("i", name), el("sub", "t"))


def _both(pair: Sequence[str]) -> Markup:
    return el("span", pair[0], data_both=json.dumps(list(pair), ensure_ascii=False))


def _cell(data: Data) -> Markup:
    cell = data["cell"]
    many, two = cell["layers"] > 1, cell["directions"] > 1
    where = f", layer {cell['layer'] + 1} of {cell['layers']}" if many else ""
    back = (", reading backwards" if cell["reverse"] else ", reading forwards") if two else ""
    there = f"，第 {cell['layer'] + 1} 层（共 {cell['layers']} 层）" if many else ""
    read = ("，反向读取" if cell["reverse"] else "，正向读取") if two else ""
    return _both(
        (
            f"{cell['name']}, {cell['units']} units{where}{back}",
            f"{cell['name']}，{cell['units']} 个单元{there}{read}",
        )
    )


def _part(name: str, *body: Child, about: str = "") -> Markup:
    head = [el("p", _word(about), class_="muted note")] if about else []
    return section(_word(name), *head, *body, name=name)


def _controls(data: Data) -> Markup:
    units = data["cell"]["units"] - 1 if data["units"] is None else max(data["units"])
    colours = [value["name"] for value in data["values"] if value["size"] == _output_size(data)]
    slide = el(
        "div",
        el("label", _word("step"), for_="step"),
        el("input", id="step", type="range", min=0, max=len(data["steps"]) - 1, value=0, aria_label="step"),
        el("output", id="where", for_="step"),
        class_="slide",
    )
    row = el(
        "div",
        el("label", _word("unit"), el("input", id="unit", type="number", min=0, max=units, value=0)),
        el(
            "label",
            _word("colour"),
            el(
                "select",
                [el("option", f"{name}_t", value=name) for name in colours],
                el("option", WORDS["moved"][0], value="moved", data_word="moved"),
                id="colour",
            ),
        ),
        el(
            "label",
            _word("order"),
            el(
                "select",
                [
                    el("option", WORDS[f"by_{how}"][0], value=how, data_word=f"by_{how}")
                    for how in ("number", "peak")
                ],
                id="order",
            ),
        ),
        [
            el("button", WORDS[key][0], id=key, type="button", data_word=key)
            for key in ("play", "closer", "farther", "whole")
        ],
        el("button", "中文", id="language", type="button"),
        class_="row",
    )
    return el("div", slide, row, _keys(), class_="controls", role="group", aria_label="controls")


def _keys() -> Markup:
    pairs = (
        ("← →", "keys_step"), ("↑ ↓", "keys_unit"), ("g", "keys_colour"), ("+ − 0", "keys_zoom"),
        ("␣", "keys_play"), ("l", "keys_language"),
    )  # fmt: skip
    shown = [[" " if k else "", el("kbd", key), " ", _word(what)] for k, (key, what) in enumerate(pairs)]
    return el("p", shown, class_="keys")


def _output_size(data: Data) -> int:
    sizes = {value["place"]: int(value["size"]) for value in data["values"]}
    return sizes.get(data["output"], int(data["values"][-1]["size"]))


def _input(data: Data) -> Markup:
    if data["signal"] is None:
        return _part("input", el("div", id="tokens", class_="tokens"), about="input_text")
    names = ", ".join(data["signal"]["names"])
    says = el("p", class_="says")
    return _part("input", _stage("signal", names, "signal", says), about="input_signal")


def _equations(data: Data) -> Markup:
    rows = [
        el("tr", el("td", Markup(equation["mathml"])), el("td", id=f"filled-{k}", class_="filled"))
        for k, equation in enumerate(data["equations"])
    ]
    table = el("table", el("tbody", rows), class_="equations now wide")
    return _part("equations", scroll(table, "equations in numbers"), about="equations_about")


def _maps(data: Data) -> Markup:
    figures = []
    for value in data["values"]:
        low, high = (number(v, 2) for v in value["span"])
        ramp = el("i", class_="ramp one" if value["span"][0] >= 0 else "ramp two")
        figures.append(
            el(
                "figure",
                el(
                    "figcaption",
                    el("span", _named(value["name"]), class_="title"),
                    el("span", class_="tip", id=f"tip-{value['place']}"),
                    el("span", low, ramp, high, class_="scale"),
                ),
                _stage(
                    f"map-{value['place']}", f"{value['name']} by unit and step", "", el("i", class_="line")
                ),
                class_="map",
            )
        )
    return _part("maps", el("div", figures, class_="maps"), about="maps_about")


def _flow(data: Data) -> Markup:
    legend = [_key(name, LOOKS[k % len(LOOKS)]) for k, name in enumerate(data["flow"]["states"])]
    return _part(
        "flow",
        el("p", legend, class_="legend"),
        _stage("flow-lines", WORDS["flow_about"][0], "lines"),
        el("h3", _word("unrolled")),
        el("p", _word("unrolled_about"), class_="muted note"),
        el("div", id="unrolled-picture", class_="unrolled"),
        about="flow_about",
    )


def _beside(data: Data) -> Markup:
    legend = []
    for n, one in enumerate(data["beside"]):
        what = _word("trained" if one["trained"] else "untrained")
        for k, name in enumerate(one["states"]):
            kind = "dotted" if k else "" if one["trained"] else "dashed"
            legend.append(_key([f"{one['name']} {name}, ", what], LOOKS[n % len(LOOKS)], kind))
    lines = _stage("beside-lines", WORDS["beside_about"][0], "lines")
    return _part("beside", el("p", legend, class_="legend"), lines, about="beside_about")


def _stage(name: str, about: str, kind: str, *over: Child) -> Markup:
    """A canvas, and over it the frame of the column that is looked at."""
    canvas = el("canvas", id=name, class_=kind or None, role="img", aria_label=about)
    return el("div", canvas, el("i", class_="column"), *over, class_=f"stage {kind}".strip())


def _key(name: Child, look: str, kind: str = "") -> Markup:
    return el("span", el("i", class_=f"key {look} {kind}".strip(), aria_hidden="true"), name)


def _neurons(data: Data) -> Markup:
    by_property: dict[str, list[Markup]] = {}
    for row in data["neurons"]:
        by_property.setdefault(row["property"], []).append(el("td", _follower(row)))
    rows = [el("tr", el("th", _property(name), scope="row"), units) for name, units in by_property.items()]
    widest = max(map(len, by_property.values()))
    spread = el("th", _word("followers"), scope="colgroup", colspan=widest)
    table = el("table", el("thead", el("tr", _heads(("property",), ()), spread)), el("tbody", rows))
    return _part("neurons", scroll(table, "units that follow something"), about="neurons_about")


def _follower(row: Mapping[str, Any]) -> Markup:
    """A unit, to be pressed."""
    correlation = el("span", number(row["correlation"], 2))
    return el(
        "button",
        _named(row["value"]),
        f" {row['unit']}",
        correlation,
        type="button",
        class_="follow",
        data_unit=row["unit"],
        data_value=row["value"],
    )


def _property(name: str) -> list[Markup]:
    """A property's name, after that of its channel."""
    channel, _, kind = name.rpartition(": ")
    return [Markup(el("span", f"{channel}: ")) if channel else Markup(""), _word(kind)]


def _health(data: Data) -> Markup:
    columns = ("mean", "low", "high", "stuck", "dead", "not_finite")
    rows = [
        el(
            "tr",
            el("th", _named(row["value"]), scope="row"),
            [el("td", number(row[column], 3), class_="n") for column in columns],
        )
        for row in data["health"]
    ]
    head = el("tr", _heads(("value",), columns))
    table = el("table", el("thead", head), el("tbody", rows))
    return _part("health", scroll(table, "saturation"), about="health_about")


def _heads(texts: Sequence[str], numbers: Sequence[str]) -> list[Markup]:
    plain = [el("th", _word(text), scope="col") for text in texts]
    return [*plain, *(el("th", _word(text), scope="col", class_="n") for text in numbers)]


def _notes(data: Data) -> Markup:
    return _part("notes", el("ul", [el("li", _both(note)) for note in data["notes"]]))
