"""Secrets in text that leaves the host."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calico.client.masking import mask_text, mask_value


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("etcd://root:hunter2@10.0.0.1:2379,10.0.0.2:2379", "etcd://root:***@10.0.0.1:2379,10.0.0.2:2379"),
        ("HTTP Proxy: http://me:p@ss@proxy:3128/", "HTTP Proxy: http://me:***@proxy:3128/"),
        ("postgres://:x@host", "postgres://:***@host"),
        ("ETCD_PASSWORD=hunter2 ETCD_USERNAME=root", "ETCD_PASSWORD=*** ETCD_USERNAME=root"),
        ('{"db.password": "a\\"b", "user": "x"}', '{"db.password": ***, "user": "x"}'),
        ("--label my-secret='a b' c", "--label my-secret=*** c"),
        ("api_key: abc, next", "api_key: ***, next"),
        ("auth token=abc;other", "auth token=***;other"),
    ],
)
def test_secrets_are_masked(text: str, masked: str) -> None:
    assert mask_text(text) == masked


@pytest.mark.parametrize(
    "text",
    ["http://host:80/path", "10.0.0.1:80", "allow tcp from tag web", "user@host", "tcp://[::1]:2375", "password", ""],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert mask_text(text) == text


def test_json_is_searched_at_any_depth() -> None:
    value = {"a": [{"Secret": {"deep": 1}, "url": "http://u:p@h/"}], "token": None, "n": 1.5}

    assert json.loads(mask_value(json.dumps(value))) == {
        "a": [{"Secret": "***", "url": "http://u:***@h/"}],
        "token": None,
        "n": 1.5,
    }


def test_all_of_a_value_under_a_secret_name_is_masked() -> None:
    assert mask_value("hunter2", "api_token") == "***"
    assert mask_value("hunter2", "loglevel") == "hunter2"


@pytest.mark.parametrize("text", ['{"cidr":"10.0.0.0/8"}', "[1,  2]", "true", "cali", "{", "1e999", '"\\u00fc"'])
def test_values_without_secrets_stay_to_the_letter(text: str) -> None:
    assert mask_value(text) == text


@given(st.text())
def test_any_text_can_be_masked(text: str) -> None:
    assert isinstance(mask_text(text), str)
    assert isinstance(mask_value(text), str)
