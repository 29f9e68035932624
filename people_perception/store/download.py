# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""One file over HTTPS into a partial file: resumed, retried, limited in size and in where it may be redirected."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from people_perception.errors import PerceptionError, one_line

Report = Callable[[int, "int | None"], None]
"""Called with the bytes that are there and the bytes expected, None when the server does not say."""

_BLOCK = 1 << 18
_REDIRECTS = 5
_NUMBER = re.compile(r"[0-9]{1,18}")
"""What a server may say in digits; Python takes more for digits, and has no number for some."""


@dataclass(frozen=True)
class Policy:
    """What a download may do.

    Attributes:
        limit: the largest file accepted, in bytes.
        hosts: where redirects may lead besides the address's own host; ``.example.com`` stands for every host below it.
        attempts: how many failures in a row without a new byte end it.
        pause: seconds before the second attempt; doubled before each further one.
        timeout: seconds to connect, and the longest silence.
    """

    limit: int = 2 << 30
    hosts: tuple[str, ...] = ()
    attempts: int = 4
    pause: float = 1.0
    timeout: float = 30.0


class UnavailableError(PerceptionError):
    """This address does not give the file; another one may."""


class UnreachableError(PerceptionError):
    """No connection to the host at all; its other addresses will not help."""


class _InterruptedError(Exception):
    """Worth another attempt.

    Attributes:
        wait: seconds that the server asks to wait.
    """

    def __init__(self, reason: str, wait: float = 0.0, connected: bool = True) -> None:
        super().__init__(reason)
        self.wait = wait
        self.connected = connected


class _DiskFullError(Exception):
    """The partial file cannot be written."""


def download(
    urls: Sequence[str], part: Path, policy: Policy, token: str | None = None, report: Report = lambda have, total: None
) -> str:
    """Bring a file into ``part``, from the first address that has it.

    A partial file that an earlier call left is continued when the server says that the file is still the same one.

    Args:
        urls: addresses of the same file, tried in order.
        part: the partial file; its state lies beside it, with ``.json`` added, until it is complete.
        policy: limits and patience.
        token: sent to the host of ``urls`` as a bearer token, and nowhere else.
        report: called as the bytes come.

    Returns:
        The address that served it.

    Raises:
        UnavailableError: no address has it; names each and its reason, without query strings, which carry signatures.
        UnreachableError: no connection.
        PerceptionError: the disk is full.
    """
    refusals = []
    for url in urls:
        try:
            _Download(url, part, policy, token, report).run()
            return url
        except UnavailableError as error:
            refusals.append(f"{_shown(url)}: {error}")
        except _DiskFullError as error:
            discard(part)
            raise PerceptionError(f"{part.parent}: {error}; make room or set PP_MODEL_DIR to another disk") from error
    raise UnavailableError("; ".join(refusals))


def discard(part: Path) -> None:
    """Remove a partial file and its state."""
    part.unlink(missing_ok=True)
    _state(part).unlink(missing_ok=True)


def check_address(url: str) -> None:
    """Only https, except on this machine.

    Raises:
        UnavailableError: no address, another scheme, or credentials inside the address.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port  # read only now
    except ValueError as error:
        raise UnavailableError(f"no address: {one_line(error)}") from error
    if parts.username or parts.password:
        raise UnavailableError("credentials inside an address are not accepted")
    if parts.scheme != "https" and not (parts.scheme == "http" and _loopback(parts.hostname or "")):
        raise UnavailableError(f"{parts.scheme or 'no scheme'}: only https is accepted")


class _Download:
    def __init__(self, url: str, part: Path, policy: Policy, token: str | None, report: Report) -> None:
        import requests

        check_address(url)
        self.url, self.part, self.policy, self.token, self.report = url, part, policy, token, report
        self.session = requests.Session()
        self.session.headers.update({"User-Agent": "people_perception", "Accept-Encoding": "identity"})

    def run(self) -> None:
        failures = 0
        with self.session:
            while True:
                before = self._resumable()[0]
                try:
                    self._attempt()
                except _InterruptedError as error:
                    failures = 1 if self._resumable()[0] > before else failures + 1
                    if failures >= self.policy.attempts:
                        kind = UnavailableError if error.connected else UnreachableError
                        raise kind(f"{error} after {failures} attempts") from error
                    time.sleep(max(error.wait, min(self.policy.pause * 2 ** (failures - 1), 30.0)))
                else:
                    _state(self.part).unlink(missing_ok=True)
                    return

    def _resumable(self) -> tuple[int, str, int | None]:
        """The bytes that can be kept, the server's mark of the version they belong to, and the whole size."""
        try:
            state = json.loads(_state(self.part).read_text(encoding="utf-8"))
            have = self.part.stat().st_size
            if state["url"] == self.url and state["mark"] and have <= self.policy.limit:
                return have, str(state["mark"]), state["total"]
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return 0, "", None

    def _attempt(self) -> None:
        have, mark, total = self._resumable()
        if total is not None and have == total:
            return
        headers = {"Range": f"bytes={have}-", "If-Range": mark} if have else {}
        with closing(self._open(headers)) as response:
            status = response.status_code
            if status == 206 and have:
                begin, whole = _content_range(response.headers.get("Content-Range", ""))
                if begin != have or (total is not None and whole not in (None, total)):
                    discard(self.part)
                    raise _InterruptedError("the server resumed at a wrong place")
                total = whole
            elif status == 200:
                have, total = 0, _length(response)
            elif status == 416:
                discard(self.part)
                raise _InterruptedError("the server cannot resume")
            elif status == 429 or status >= 500:
                raise _InterruptedError(f"HTTP {status}", _retry_after(response))
            else:
                raise UnavailableError(self._refusal(status))
            if total is not None and total > self.policy.limit:
                raise UnavailableError(f"{total} bytes, more than the {self.policy.limit} that are accepted")
            self._receive(response, have, total)

    def _refusal(self, status: int) -> str:
        if status not in (401, 403):
            return f"HTTP {status}"
        hint = "NGC_API_KEY was not accepted; renew it or unset it" if self.token else "NGC_API_KEY may be needed"
        return f"HTTP {status}; {hint}"

    def _open(self, headers: dict[str, str]) -> Any:
        """The final response, with its body unread, after redirects that are allowed."""
        import requests

        here = self.url
        for _ in range(_REDIRECTS + 1):
            # A token is for the host that it was given for: a redirect to a storage service must not carry it.
            auth = _Bearer(self.token if _origin(here) == _origin(self.url) else None)
            try:
                response = self.session.get(
                    here, headers=headers, stream=True, allow_redirects=False, timeout=self.policy.timeout, auth=auth
                )
            except requests.exceptions.SSLError as error:
                raise UnavailableError(f"the certificate of {urlsplit(here).hostname} is not trusted") from error
            except requests.exceptions.Timeout as error:
                raise _InterruptedError(f"no answer from {urlsplit(here).hostname}") from error
            except requests.exceptions.RequestException as error:
                raise _InterruptedError(f"cannot reach {urlsplit(here).netloc}", connected=False) from error
            except ValueError as error:  # it looks at the address of a redirect, even one that it does not follow
                raise UnavailableError(f"redirects to no address: {one_line(error)}") from error
            if response.status_code not in (301, 302, 303, 307, 308):
                return response
            response.close()
            here = urljoin(here, response.headers.get("Location", ""))
            self._check_redirect(here)
        raise UnavailableError(f"more than {_REDIRECTS} redirects")

    def _check_redirect(self, target: str) -> None:
        check_address(target)
        if self.url.startswith("https:") and not target.startswith("https:"):
            raise UnavailableError("http: a redirect from https must stay on https")
        host, own = urlsplit(target).hostname or "", urlsplit(self.url).hostname
        allowed = (host == x or (x.startswith(".") and host.endswith(x)) for x in (own, *self.policy.hosts) if x)
        if not any(allowed):
            raise UnavailableError(f"redirects to {host}, which is not allowed")

    def _receive(self, response: Any, have: int, total: int | None) -> None:
        from urllib3.exceptions import HTTPError

        headers = response.headers
        # A weak validator promises only an equivalent file, not equal bytes.
        mark = headers.get("ETag", "") if not headers.get("ETag", "").startswith("W/") else ""
        state = {"url": self.url, "mark": mark or headers.get("Last-Modified", ""), "total": total}
        try:
            _state(self.part).write_text(json.dumps(state), encoding="utf-8")
            file = self.part.open("r+b" if have else "wb")
        except OSError as error:
            raise _DiskFullError(error.strerror) from error
        with file:
            file.truncate(have)
            file.seek(have)
            while True:
                self.report(have, total)
                try:
                    block = response.raw.read(_BLOCK, decode_content=False)
                except (HTTPError, OSError) as error:
                    raise _InterruptedError(f"the connection broke after {have} bytes") from error
                if not block:
                    break
                have += len(block)
                if have > self.policy.limit:
                    discard(self.part)
                    raise UnavailableError(f"more than the {self.policy.limit} bytes that are accepted")
                try:
                    file.write(block)
                    file.flush()
                except OSError as error:
                    raise _DiskFullError(error.strerror) from error
            try:
                os.fsync(file.fileno())
            except OSError as error:
                raise _DiskFullError(error.strerror) from error
        if total is not None and have != total:
            raise _InterruptedError(f"the connection ended after {have} of {total} bytes")


class _Bearer:
    """Sets the bearer token, or none; given as ``auth`` so that requests does not take one from ``~/.netrc``."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: Any) -> Any:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _state(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _shown(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _length(response: Any) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if _NUMBER.fullmatch(text) else None


def _content_range(text: str) -> tuple[int, int | None]:
    match = re.fullmatch(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)", text)
    if not match:
        return -1, None
    return int(match[1]), None if match[2] == "*" else int(match[2])


def _retry_after(response: Any) -> float:
    text = response.headers.get("Retry-After", "")
    return min(float(text), 60.0) if _NUMBER.fullmatch(text) else 0.0
