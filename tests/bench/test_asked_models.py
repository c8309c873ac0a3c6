"""A model as judge: asked once, at temperature 0, its errors counted apart; against a server on this machine."""

from __future__ import annotations

import json

import pytest

from smartedit.bench import mllm
from smartedit.bench.kept import keep_suite
from smartedit.bench.report import write_report
from smartedit.errors import SmartEditError


@pytest.fixture
def chat_server(json_server):
    """A chat server that gives 1 to even squares and no score to odd ones."""
    asked = []

    def answer(path, body):
        asked.append(json.loads(body))
        number = int(asked[-1]["messages"][0]["content"][-1]["text"].split("make square ")[1].split()[0])
        said = 'Well. {"score": 1, "why": "done"}' if number % 2 == 0 else "I like it."
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": said}}
        return {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}

    return json_server(answer), asked


@pytest.fixture
def results(ask, few, tmp_path):
    ask(keep_suite(few(4), tmp_path), "oracle")
    return tmp_path


def test_a_judge_is_asked_once_and_its_errors_stand_apart(results, chat_server):
    url, asked = chat_server
    ask = mllm.server(url, "eyes")
    assert mllm.judge(results, "eyes", ask) == 4 and mllm.judge(results, "eyes", ask) == 2, "only errors are asked again"
    assert {row["temperature"] for row in asked} == {0} and {row["model"] for row in asked} == {"eyes"}
    pictures, words = asked[0]["messages"][0]["content"][:2], asked[0]["messages"][0]["content"][2]["text"]
    assert all(one["image_url"]["url"].startswith("data:image/png;base64,") for one in pictures) and "make square 0" in words
    (found,) = mllm.summary(results)
    assert (found["editors"]["oracle"]["rate"], found["editors"]["oracle"]["cases"], found["editors"]["oracle"]["errors"]) == (1, 2, 2)
    text = write_report(results).read_text()
    assert "Ins-align by eyes" in text and f"Prompt {mllm.PROMPT_VERSION}, temperature 0" in text and "Answer with one line of JSON" in text


def test_a_judge_that_cannot_be_reached_is_an_error_and_no_zero(results):
    assert mllm.judge(results, "nobody", mllm.server("http://127.0.0.1:9/v1", "nobody")) == 4
    (found,) = mllm.summary(results)
    assert (found["editors"]["oracle"]["rate"], found["editors"]["oracle"]["errors"]) == (None, 4)


@pytest.mark.parametrize(("words", "score"), [
    ('{"score": 0.5, "why": "half"}', 0.5), ('{"score":"1"}', 1), ('{"score": 0}', 0), ('{"score": 0.7}', None), ("yes", None), ("", None),
])  # fmt: skip
def test_reading_a_score(words, score):
    assert mllm.read_score(words) == score


def test_a_local_model_is_asked_without_sampling(results, monkeypatch):
    import transformers

    calls = []

    def model(text, **options):
        calls.append((text, options))
        return [{"generated_text": '{"score": 0.5}'}]

    monkeypatch.setattr(transformers, "pipeline", lambda task, **_: model)
    mllm.judge(results, "local", mllm.local("folder"))
    assert mllm.summary(results)[0]["editors"]["oracle"]["rate"] == 0.5
    text, options = calls[0]
    assert options["do_sample"] is False and [part["type"] for part in text[0]["content"]] == ["image", "image", "text"]


def test_nothing_to_judge_says_so(tmp_path):
    with pytest.raises(SmartEditError, match="smartedit bench run"):
        mllm.judge(tmp_path, "eyes", lambda *_: "")
