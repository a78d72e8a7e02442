"""Which datastore: from the environment to a URL, from a URL to a backend. The only place that knows them all."""
# ruff: noqa: PTH113
# pathlib would cost the start of every command 4 ms.

from __future__ import annotations

import os

from calico.model.errors import ValidationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from calico.datastore.api import Datastore

DEFAULT_URL = "sqlite:///var/lib/calico/calico.db"

_FORMS = "use sqlite:///path/to/file, etcd://host:port[,host:port] or etcds://host:port[,host:port]"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_AUTHORITY = rf"(?P<host>{_LABEL}(?:\.{_LABEL})*):(?P<port>[0-9]{{1,5}})\Z"
_BRACKETED = r"(?P<host>\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})\Z"
_SCHEMES = {"http": "etcd", "https": "etcds"}


def open_datastore(url: str) -> Datastore:
    """The backend for ``url``; nothing is read or made before its first call.

    Accepted: ``sqlite:///absolute/path`` and ``memory://`` (a new, empty one of this process, for tests).
    Raises :class:`ValidationError` that shows the accepted forms.
    """
    scheme, separator, rest = url.partition("://")
    if separator and scheme == "sqlite":
        if not rest.startswith("/") or rest.endswith("/") or not rest.isprintable():
            raise ValidationError(f"datastore {url!r} names no file: use sqlite:///path/to/file")
        from calico.datastore.sqlite import SqliteDatastore

        return SqliteDatastore(rest)
    if separator and scheme == "memory" and not rest:
        from calico.datastore.memory import MemoryDatastore

        return MemoryDatastore()
    if separator and scheme in _SCHEMES.values():
        raise ValidationError(
            f"datastore {url!r}: this version cannot use etcd yet;"
            f" set CALICO_DATASTORE={DEFAULT_URL} and unset ETCD_ENDPOINTS and ETCD_AUTHORITY"
        )
    raise ValidationError(f"datastore {url!r} is not known: {_FORMS}")


def datastore_url(environ: Mapping[str, str]) -> str:
    """The URL that the environment asks for: ``CALICO_DATASTORE``, else etcd's variables, else the default.

    Empty variables count as absent. Raises :class:`ValidationError` naming the variable at fault.
    """
    url = environ.get("CALICO_DATASTORE", "").strip()
    if url:
        return url
    if environ.get("ETCD_ENDPOINTS"):
        scheme, authorities = _parse_endpoints(environ["ETCD_ENDPOINTS"])
    elif environ.get("ETCD_AUTHORITY"):
        scheme, authorities = _parse_scheme(environ.get("ETCD_SCHEME", "")), [_parse_authority(environ)]
    else:
        return DEFAULT_URL
    if scheme == "https":
        _check_certificates(environ)
    return f"{_SCHEMES[scheme]}://{','.join(authorities)}"


def _parse_scheme(text: str) -> str:
    if text and text not in _SCHEMES:
        raise ValidationError(
            f'Invalid ETCD_SCHEME. Value must be one of: "", "http", "https". Value provided: {_shown(text)}'
        )
    return text or "http"


def _parse_authority(environ: Mapping[str, str]) -> str:
    text = environ["ETCD_AUTHORITY"]
    if not _is_authority(text, _AUTHORITY):
        raise ValidationError(
            f"Invalid ETCD_AUTHORITY. It must take the form <address>:<port>. Value provided is '{_shown(text)}'"
        )
    return text


def _parse_endpoints(text: str) -> tuple[str, list[str]]:
    """The one scheme and the addresses of a list of client URLs."""
    authorities = []
    schemes = set()
    for endpoint in text.split(","):
        scheme, separator, authority = endpoint.strip().removesuffix("/").partition("://")
        if not separator or scheme not in _SCHEMES or not _is_authority(authority, _AUTHORITY, _BRACKETED):
            raise ValidationError(
                "Invalid ETCD_ENDPOINTS. It must take the form <scheme>://<address>:<port>[,<scheme>://...]"
                f" with scheme http or https. Value provided is '{_shown(text)}'"
            )
        schemes.add(scheme)
        authorities.append(authority)
    if len(schemes) > 1:
        raise ValidationError(
            f"Invalid ETCD_ENDPOINTS. All must be http or all https. Value provided is '{_shown(text)}'"
        )
    return schemes.pop(), authorities


def _is_authority(text: str, *forms: str) -> bool:
    import re  # for etcd only: it is a large part of what a short command costs

    matches = (re.match(form, text) for form in forms)
    return any(found and len(found["host"]) <= 255 and 1 <= int(found["port"]) <= 65535 for found in matches)


def _check_certificates(environ: Mapping[str, str]) -> None:
    key, certificate = environ.get("ETCD_KEY_FILE", ""), environ.get("ETCD_CERT_FILE", "")
    shown = f"Values provided: ETCD_KEY_FILE={_shown(key)}, ETCD_CERT_FILE={_shown(certificate)}"
    if bool(key) != bool(certificate):
        raise ValidationError(
            "Invalid ETCD_KEY_FILE, ETCD_CERT_FILE combination."
            f" Key and certificate must both be specified or both be blank. {shown}"
        )
    if key and not (_is_readable(key) and _is_readable(certificate)):
        raise ValidationError(
            f"Cannot read ETCD_KEY_FILE and/or ETCD_CERT_FILE. Both must be readable file paths. {shown}"
        )
    authority = environ.get("ETCD_CA_CERT_FILE", "")
    if not authority or not _is_readable(authority):
        raise ValidationError(
            "Invalid ETCD_CA_CERT_FILE. Certificate Authority cert is required and must be a readable file path."
            f" Value provided: {_shown(authority)}"
        )


def _is_readable(path: str) -> bool:
    return "\0" not in path and os.path.isfile(path) and os.access(path, os.R_OK)


def _shown(text: str) -> str:
    """Text from outside, harmless on a terminal and on one line."""
    return text if text.isprintable() else text.encode("unicode_escape").decode()
