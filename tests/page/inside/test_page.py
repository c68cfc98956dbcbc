"""The page without a browser: one file, nothing from the network, its own script alone may run."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

from cellwright.inspect.properties import signal_properties, text_properties
from cellwright.page.inside import page
from cellwright.page.inside.page import script
from cellwright.page.inside.words import WORDS


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    return reader


def test_nothing_is_asked_of_the_network(opened) -> None:
    text = page(opened[1])
    outside = text.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://|//cdn|@import|url\(", outside)
    for tag, attributes in read(text).tags:
        assert "src" not in attributes, tag
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)


def test_only_the_page_s_own_script_may_run(opened) -> None:
    text = page(opened[1])
    policy = next(a["content"] for t, a in read(text).tags if t == "meta" and a.get("http-equiv"))
    digest = base64.b64encode(hashlib.sha256(script().encode()).digest()).decode()
    assert policy is not None and policy.endswith(f"; script-src 'sha256-{digest}'")
    assert policy.startswith("default-src 'none'")
    assert script() in text
    assert [a.get("type") for t, a in read(text).tags if t == "script"] == ["application/json", None]


def test_hostile_texts_stay_texts(opened) -> None:
    text = page(opened[1])
    assert "<b>yes" not in text and text.count("</script>") == 2
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.S)
    assert found is not None
    assert json.loads(found[1])["said"][0] == "says </script><b>yes</b>"


def test_every_word_is_there_in_both_languages(opened) -> None:
    reader = read(page(opened[1]))
    used = {a["data-word"] for _, a in reader.tags if "data-word" in a}
    assert used <= set(WORDS)
    properties = {*text_properties("a"), *signal_properties([0.0, 1.0])}
    assert properties <= set(WORDS)
    elsewhere = properties | {"no_script", "notes", "input_signal"}
    assert used | set(re.findall(r'word\("(\w+)"\)', script())) | elsewhere >= set(WORDS)
    for english, chinese in WORDS.values():
        assert english and re.search(r"[\u4e00-\u9fff]", chinese)


def test_what_has_nothing_to_show_is_left_out(opened) -> None:
    data = {
        **opened[1],
        "flow": {"first": 0, "states": {}, "paths": {}},
        "beside": [],
        "neurons": [],
        "health": [],
    }
    ids = {a.get("id") for _, a in read(page(data)).tags}
    assert not ids & {"flow", "beside", "neurons", "health", "notes"} and {"input", "maps"} <= ids
