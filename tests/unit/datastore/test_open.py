"""Which datastore: the environment's contract, the accepted URLs, and what is said about the others."""

from pathlib import Path

import pytest

from calico.datastore.api import Put
from calico.datastore.memory import MemoryDatastore
from calico.datastore.open import DEFAULT_URL, datastore_url, open_datastore
from calico.datastore.sqlite import SqliteDatastore
from calico.model.errors import ValidationError

AUTHORITY = "Invalid ETCD_AUTHORITY. It must take the form <address>:<port>. Value provided is '{}'"
SCHEME = 'Invalid ETCD_SCHEME. Value must be one of: "", "http", "https". Value provided: {}'


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, DEFAULT_URL),
        ({"CALICO_DATASTORE": ""}, DEFAULT_URL),
        ({"CALICO_DATASTORE": "sqlite:///x/y.db", "ETCD_AUTHORITY": "nonsense"}, "sqlite:///x/y.db"),
        ({"ETCD_ENDPOINTS": "", "ETCD_AUTHORITY": "", "ETCD_SCHEME": "ftp"}, DEFAULT_URL),
        ({"ETCD_AUTHORITY": "127.0.0.1:2379"}, "etcd://127.0.0.1:2379"),
        ({"ETCD_AUTHORITY": "etcd-1.example:65535", "ETCD_SCHEME": "http"}, "etcd://etcd-1.example:65535"),
        ({"ETCD_ENDPOINTS": "http://a:1,http://b:2/, http://[::1]:3"}, "etcd://a:1,b:2,[::1]:3"),
        ({"ETCD_ENDPOINTS": "http://a:1", "ETCD_AUTHORITY": "nonsense", "ETCD_SCHEME": "ftp"}, "etcd://a:1"),
    ],
)
def test_the_environment_names_the_datastore(environ: dict[str, str], url: str) -> None:
    assert datastore_url(environ) == url


@pytest.mark.parametrize(
    "value", ["host", "host:", ":2379", "a:b:c", "host:0", "host:65536", "ho_st:1", "-host:1", "host-:1", "a..b:1"]
)
def test_a_wrong_authority_gets_the_references_message(value: str) -> None:
    with pytest.raises(ValidationError) as caught:
        datastore_url({"ETCD_AUTHORITY": value})

    assert str(caught.value) == AUTHORITY.format(value)


def test_a_host_name_has_at_most_255_characters() -> None:
    label = "a" * 63
    longest = f"{label}.{label}.{label}.{label}"

    assert datastore_url({"ETCD_AUTHORITY": f"{longest}:1"}) == f"etcd://{longest}:1"
    with pytest.raises(ValidationError):
        datastore_url({"ETCD_AUTHORITY": f"a.{longest}:1"})
    with pytest.raises(ValidationError):
        datastore_url({"ETCD_AUTHORITY": f"{label}a:1"})


def test_a_wrong_scheme_gets_the_references_message() -> None:
    with pytest.raises(ValidationError) as caught:
        datastore_url({"ETCD_AUTHORITY": "a:1", "ETCD_SCHEME": "ftp"})

    assert str(caught.value) == SCHEME.format("ftp")


@pytest.mark.parametrize(
    "value", ["a:1", "ftp://a:1", "http://a", "http://a:1,,", "http://a:1,https://b:1", "http://"]
)
def test_wrong_endpoints_are_named(value: str) -> None:
    with pytest.raises(ValidationError, match=r"^Invalid ETCD_ENDPOINTS\. .*Value provided is '"):
        datastore_url({"ETCD_ENDPOINTS": value})


def test_https_needs_a_readable_authority_and_both_files_or_none(tmp_path: Path) -> None:
    file, absent = tmp_path / "file.pem", tmp_path / "absent.pem"
    file.write_text("x")
    https = {"ETCD_AUTHORITY": "a:1", "ETCD_SCHEME": "https"}

    assert datastore_url({**https, "ETCD_CA_CERT_FILE": str(file)}) == "etcds://a:1"
    pair = {"ETCD_KEY_FILE": str(file), "ETCD_CERT_FILE": str(file)}
    assert datastore_url({**https, **pair, "ETCD_CA_CERT_FILE": str(file)}) == "etcds://a:1"
    with pytest.raises(ValidationError, match=r"Invalid ETCD_CA_CERT_FILE\. .*Value provided: $"):
        datastore_url(https)
    with pytest.raises(ValidationError, match=r"Invalid ETCD_CA_CERT_FILE\. "):
        datastore_url({**https, "ETCD_CA_CERT_FILE": str(tmp_path)})
    with pytest.raises(ValidationError, match=r"Invalid ETCD_KEY_FILE, ETCD_CERT_FILE combination\. Key and"):
        datastore_url({**https, "ETCD_KEY_FILE": str(file)})
    with pytest.raises(ValidationError, match=r"Cannot read ETCD_KEY_FILE and/or ETCD_CERT_FILE\. Both"):
        datastore_url({**https, **pair, "ETCD_CERT_FILE": str(absent)})


def test_messages_stay_on_one_harmless_line() -> None:
    for environ in ({"ETCD_AUTHORITY": "a\n\x1b[31m:1"}, {"ETCD_ENDPOINTS": "\r\n"}):
        with pytest.raises(ValidationError) as caught:
            datastore_url(environ)
        assert str(caught.value).isprintable()
    with pytest.raises(ValidationError) as caught:
        open_datastore("sqlite:///a\nb")
    assert str(caught.value).isprintable()


def test_a_file_and_memory_can_be_opened(tmp_path: Path) -> None:
    store = open_datastore(f"sqlite://{tmp_path}/sub/calico.db")

    assert isinstance(store, SqliteDatastore)
    assert not (tmp_path / "sub").exists()
    store.transact([], [Put("/a", "x")])
    store.close()
    assert (tmp_path / "sub/calico.db").exists()
    assert isinstance(open_datastore("memory://"), MemoryDatastore)


@pytest.mark.parametrize("url", ["etcd://127.0.0.1:2379", "etcds://a:1,b:2"])
def test_etcd_is_refused_with_the_way_out(url: str) -> None:
    with pytest.raises(ValidationError, match=f"cannot use etcd yet; set CALICO_DATASTORE={DEFAULT_URL}"):
        open_datastore(url)


@pytest.mark.parametrize("url", ["", "/var/lib/x.db", "mysql://x", "sqlite:/x", "memory://x", "http://a:2379"])
def test_anything_else_shows_the_accepted_forms(url: str) -> None:
    with pytest.raises(ValidationError, match=r"use sqlite:///path/to/file, etcd://host:port"):
        open_datastore(url)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite://relative/x.db", "sqlite:///", "sqlite:///dir/"])
def test_a_path_must_be_absolute_and_name_a_file(url: str) -> None:
    with pytest.raises(ValidationError, match="names no file: use sqlite:///path/to/file"):
        open_datastore(url)
