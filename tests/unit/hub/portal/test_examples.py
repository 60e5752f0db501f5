"""What people copy must run as it stands."""

import json
import shlex

import pytest

from oncofed.contracts.query import parse
from oncofed.hub.portal import examples

AWKWARD = 'body part = "head and neck" and manufacturer = "it\'s"'


def test_the_questions_to_begin_with_are_queries() -> None:
    for _words, text in examples.QUESTIONS:
        assert parse(text).query.all


@pytest.mark.parametrize("text", ["modality = MR", AWKWARD, "a \\ b"])
def test_python_is_python_and_says_the_same(text: str) -> None:
    code = examples.python("https://hub.example.org", text, "sex")
    asked: list[tuple[str, str | None]] = []

    class Hub:
        def count(self, text: str, by: str | None = None) -> None:
            asked.append((text, by))

    lines = code.replace("import oncofed", "").replace("oncofed.connect('https://hub.example.org')", "Hub()")
    exec(compile(lines, "copied", "exec"), {"Hub": Hub, "print": lambda _answer: None})  # noqa: S102
    assert asked == [(text, "sex")]


@pytest.mark.parametrize("text", ["modality = MR", AWKWARD])
def test_curl_posts_json_that_says_the_same(text: str) -> None:
    words = shlex.split(examples.curl("https://hub.example.org", text, "sex"))
    assert words[:4] == ["curl", "-X", "POST", "https://hub.example.org/api/v1/counts"]
    assert json.loads(words[words.index("-d") + 1]) == {"text": text, "by": "sex"}


@pytest.mark.parametrize("text", ["modality = MR", AWKWARD])
def test_the_command_is_one_argument(text: str) -> None:
    assert shlex.split(examples.command(text, "sex")) == ["oncofed", "search", text, "--by", "sex"]
    assert shlex.split(examples.command(text)) == ["oncofed", "search", text]


def test_the_datasets_are_named_too() -> None:
    assert "datasets=['a', 'b']" in examples.python("https://hub.example.org", "sex = male", "", ["a", "b"])
    words = shlex.split(examples.curl("https://hub.example.org", "sex = male", "", ["a"]))
    assert json.loads(words[-1]) == {"text": "sex = male", "datasets": ["a"]}
    assert shlex.split(examples.command("sex = male", "", ["a", "b"]))[3:] == ["--dataset", "a", "--dataset", "b"]
