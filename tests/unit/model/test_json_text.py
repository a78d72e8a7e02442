"""Our short way to JSON says what the json module says."""

import json
from typing import NoReturn

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from calico.model import json_text
from calico.model.json_text import parse_json, render_json

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)
TEXTS = st.text(alphabet='{}[]:,"\\ntrue0129.-eENaI \t\n\ufeff', max_size=12)


def refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def outcome(parse: object, text: str) -> str:
    """What comes of parsing: the value or the complaint."""
    assert callable(parse)
    try:
        return repr(parse(text))
    except (ValueError, RecursionError) as error:
        return f"{type(error).__name__}: {error}"


def reference(text: str) -> object:
    return json.loads(text, parse_constant=refuse)


@pytest.fixture(params=["as it is", "without the scanner and the encoder"])
def python(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """This Python, or one that has json only."""
    if request.param != "as it is":
        monkeypatch.setattr(json_text, "_scan", None)
        monkeypatch.setattr(json_text, "_encode", None)


@given(VALUES)
def test_values_are_read_and_written_as_json_does(value: object) -> None:
    text = json.dumps(value)

    assert render_json(value) == text
    assert outcome(parse_json, text) == outcome(reference, text)


@given(TEXTS)
@example("")
@example(' {"a": 1}\n')
@example('{"a": 1} x')
@example("[NaN]")
@example("-Infinity")
@example("\ufeff1")
@example('"\n"')
@example('{"a": 1, "a": 2}')
@example("9" * 5000)
def test_any_text_means_what_it_means_to_json(text: str) -> None:
    assert outcome(parse_json, text) == outcome(reference, text)


@pytest.mark.usefixtures("python")
@pytest.mark.parametrize("text", ['{"a": [1, 2.5, null, "\\u00e9"]}', " 1 ", "[1,]", "1 2", "NaN", "[" * 100_000])
def test_a_python_without_the_scanner_reads_the_same(text: str) -> None:
    assert outcome(parse_json, text).partition(" while")[0] == outcome(reference, text).partition(" while")[0]


@pytest.mark.usefixtures("python")
def test_a_python_without_the_encoder_writes_the_same() -> None:
    assert render_json({"a": [1, 2.5, None, "é"], "b": ()}) == '{"a": [1, 2.5, null, "\\u00e9"], "b": []}'


@pytest.mark.usefixtures("python")
def test_what_json_cannot_say_is_refused_as_json_does() -> None:
    circle: list[object] = []
    circle.append(circle)

    with pytest.raises(TypeError, match="Object of type object is not JSON serializable"):
        render_json(object())
    with pytest.raises(ValueError, match="Circular reference"):
        render_json(circle)
