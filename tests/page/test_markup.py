"""Elements: escaping, attributes, nesting."""

from cellwright.page.markup import Markup, el, join
from cellwright.page.shell import document, scroll, section

HOSTILE = "<script>alert('x')</script>\"&"


def test_every_text_is_escaped_in_content_and_attributes() -> None:
    made = el("p", HOSTILE, title=HOSTILE)
    assert "<script" not in made
    assert made.count("&lt;script&gt;") == 2
    assert 'title="&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;&quot;&amp;"' in made


def test_markup_is_not_escaped_twice() -> None:
    assert el("p", el("b", "<")) == "<p><b>&lt;</b></p>"
    assert isinstance(el("p"), Markup)


def test_none_and_false_are_left_out() -> None:
    assert el("td", None, [None, "a"], class_=None, hidden=False, inert=True) == "<td inert>a</td>"


def test_joining_texts_gives_no_markup_from_outside() -> None:
    assert join(["<", Markup("<br>")]) == "&lt;<br>"


def test_the_title_of_a_page_is_escaped() -> None:
    page = document(HOSTILE, section(HOSTILE, scroll(el("table"), HOSTILE), name="a"), kind=HOSTILE)
    assert "<script" not in page
    assert page.startswith('<!doctype html>\n<html lang="en">')
