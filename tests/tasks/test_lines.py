"""A line in, a line out: JSON and CSV, bad lines among good ones, resets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.tasks.classify import test_live as classify
from tests.tasks.forecast import test_live as forecast
from tests.tasks.generate import test_live as generate

import cellwright as cw
from cellwright.tasks import lines as module
from cellwright.tasks.lines import Lines


def lines(model: Any, form: str = "auto") -> Lines:
    return Lines(cw.Stream(model), form)


def said(made: Lines, *given: str) -> list[str]:
    answers = [made.answer(line.encode() + b"\n") for line in given]
    assert not any("\n" in answer for answer in answers)
    return answers


def test_json_rows_are_answered_in_json() -> None:
    stream = cw.Stream(forecast.model())
    answers = said(lines(forecast.model()), json.dumps(forecast.row(60)), '{"sales": 12}', "[13]", "14")
    wanted = [stream.push(item) for item in (forecast.row(60), {"sales": 12}, [13], 14)]
    assert [json.loads(answer) for answer in answers] == wanted


def test_a_header_in_is_a_header_out() -> None:
    answers = said(lines(forecast.model()), "shop,sales,month", "a,12.5,2005-01", '"b, c",13,2005-02')
    assert answers[0] == "sales+1,sales+2,sales+3,note"
    wanted = cw.Stream(forecast.model()).push({"sales": 12.5})["sales"]
    assert answers[1] == ",".join(f"{v:.7g}" for v in wanted) + ","
    assert said(lines(forecast.model()), "2005-01,12.5")[0] == answers[1]


def test_covariates_in_csv_stand_beside_each_other() -> None:
    made = lines(forecast.model("price"))
    head, answer = said(made, "month,sales,price,price+1,price+2,price+3", "2005-01,12,1,1.1,1.2,1.3")
    wanted = cw.Stream(forecast.model("price")).push({"sales": 12, "price": [1, 1.1, 1.2, 1.3]})["sales"]
    assert answer == ",".join(f"{v:.7g}" for v in wanted) + "," and head.startswith("sales+1")


def test_rows_that_are_still_needed_are_said() -> None:
    assert said(lines(forecast.model()), "2010-01,1")[0] == ",,,needs 5 more"


@pytest.mark.parametrize("kind", classify.KINDS[-2:], ids=str)
def test_steps_of_a_series_as_csv(kind: Any) -> None:
    made = lines(classify.of_series(*kind))
    x = classify.waves()[0][0][:2].tolist()
    answers = said(made, "left,right", *(",".join(map(repr, row)) for row in x), "reset", f"{x[0][0]!r}, ")
    stream = cw.Stream(classify.of_series(*kind))
    first, second = (stream.push(row) for row in x)
    assert answers[0] == "label,probability,steps,note"
    assert answers[1] == f"{first['label']},{first['probability']:.7g},1,"
    assert answers[2] == f"{second['label']},{second['probability']:.7g},2,"
    assert answers[3] == ",,,reset" and answers[4].endswith(",1,")


def test_a_plain_line_of_a_text_is_the_text() -> None:
    answer, quoted = said(lines(classify.of_texts()), 'so, "bad" it is', "12")
    share = classify.of_texts().predict_proba(['so, "bad" it is'])[0]
    assert answer == f"{classify.of_texts().classes_[share.argmax()]},{round(float(share.max()), 4):.7g},"
    assert quoted.count(",") == 2


def test_a_plain_line_of_a_language_model_has_its_end() -> None:
    answers = said(lines(generate.model()), "the cat sat on the mat.", "the dog")
    stream = cw.Stream(generate.model())
    wanted = [stream.push("the cat sat on the mat.\n"), stream.push("the dog\n")]
    for answer, item in zip(answers, wanted, strict=True):
        assert answer.split(",")[:3] == [str(item["tokens"]), "0", f"{item['bits']:.7g}"]


BAD = {
    "{": "line 2: no JSON: got '{'",
    "": "line 2: no JSON: got an empty line",
    "{} {}": "Extra data",
    '{"sales": "x"}': "line 2: no finite number (sales): got 'x', expected a number",
    '{"sales": NaN}': "got NaN",
    '{"reset": true, "sales": 1}': "a reset stands alone",
    "[" * 100_000: "no JSON",
    '{"sales": 1e999}': "got Infinity",
}


@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
def test_a_bad_line_is_answered_and_the_stream_goes_on(bad: str) -> None:
    made, clean = lines(forecast.model()), lines(forecast.model())
    first, error, second = said(made, '{"sales": 12}', bad, '{"sales": 13}')
    assert [first, second] == said(clean, '{"sales": 12}', '{"sales": 13}')
    assert BAD[bad] in json.loads(error)["error"] and list(json.loads(error)) == ["error"]
    assert (made.taken, made.refused, clean.refused) == (3, 1, 0)


def test_a_bad_line_of_csv_is_answered_in_its_own_cell() -> None:
    good, bad, short = said(lines(forecast.model()), "2005-01,12", "2005-02,much", "7")
    assert (
        good.endswith(",")
        and bad == ",,,\"error: line 2: no finite number (sales): got 'much', expected a number\""
    )
    assert short == ',,,"error: line 3: another number of cells: got 1, expected 2: month,sales"'
    missing = said(lines(forecast.model()), "sales,shop")[0]
    assert "columns of the training are missing: expected month" in missing


def test_bytes_that_are_no_text_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    made = lines(forecast.model(), "json")
    assert "not UTF-8: got byte 0xff at 3" in made.answer(b'{"\xff": 1}\n')
    monkeypatch.setattr(module, "LONGEST", 10)
    assert "the line is too long: got 14 bytes or more, expected less than 10" in made.answer(
        b'{"sales": 12}\n'
    )
    assert json.loads(made.answer(b"12\r\n"))["sales"]


def test_reset_begins_anew() -> None:
    made = lines(generate.model())
    first, reset, again = said(made, '"the cat"', '{"reset": true}', '"the cat"')
    assert first == again and json.loads(reset) == {"reset": True}


def test_the_form_may_be_said() -> None:
    assert "error" in json.loads(said(lines(forecast.model(), "json"), "2005-01,12")[0])
    assert "error" in said(lines(forecast.model(), "csv"), '{"sales": 12}')[0]
    with pytest.raises(cw.SettingError, match="no such form of lines: got xml, expected auto, json, csv"):
        lines(forecast.model(), "xml")
    with pytest.raises(cw.SettingError, match="lines need a stream of a trained model"):
        Lines(cw.Stream(cw.nn.LSTM(3, 4)))
