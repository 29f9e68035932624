# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""One file over a connection that breaks, from a server that lies."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from model_server import QUICK, Certificate, Fault, Site

from people_perception.errors import PerceptionError
from people_perception.store.download import UnavailableError, UnreachableError, download

CONTENT = os.urandom(1 << 20)


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / ".file.part"


@pytest.fixture
def url(site: Site) -> str:
    site.files["/file"] = CONTENT
    return site.url + "/file"


def left_over(part: Path) -> list[str]:
    return sorted(path.name for path in part.parent.iterdir())


def test_a_file_arrives_whole(url: str, part: Path) -> None:
    reports: list[tuple[int, int | None]] = []
    assert download([url], part, QUICK, report=lambda have, total: reports.append((have, total))) == url
    assert part.read_bytes() == CONTENT
    assert reports[-1] == (len(CONTENT), len(CONTENT))
    assert left_over(part) == [".file.part"]


def test_a_cut_connection_resumes_where_it_broke(site: Site, url: str, part: Path) -> None:
    site.faults["/file"] = [Fault(cut=300_000), Fault(cut=300_000)]
    download([url], part, QUICK)
    assert part.read_bytes() == CONTENT
    assert [h.get("range") for h in site.asked("/file")] == [None, "bytes=300000-", "bytes=600000-"]


def test_a_later_call_resumes(site: Site, url: str, part: Path) -> None:
    site.faults["/file"] = [Fault(cut=500_000), *[Fault(status=503)] * 4]
    with pytest.raises(UnavailableError, match="HTTP 503 after 4 attempts"):
        download([url], part, QUICK)
    assert part.stat().st_size == 500_000
    download([url], part, QUICK)
    assert part.read_bytes() == CONTENT
    assert site.asked("/file")[-1]["range"] == "bytes=500000-"


def test_a_file_that_changed_meanwhile_is_not_mixed(site: Site, url: str, part: Path) -> None:
    site.faults["/file"] = [Fault(cut=500_000), *[Fault(status=503)] * 4]
    with pytest.raises(UnavailableError):
        download([url], part, QUICK)
    site.files["/file"] = changed = os.urandom(700_000)
    download([url], part, QUICK)
    assert part.read_bytes() == changed


def test_without_a_mark_of_the_version_it_starts_again(site: Site, url: str, part: Path) -> None:
    site.marks = False
    site.faults["/file"] = [Fault(cut=300_000)]
    download([url], part, QUICK)
    assert part.read_bytes() == CONTENT
    assert [h.get("range") for h in site.asked("/file")] == [None, None]


@pytest.mark.parametrize("fault", [Fault(ignore_range=True), Fault(shift=1000), Fault(status=416)])
def test_a_server_that_cannot_resume_properly(site: Site, url: str, part: Path, fault: Fault) -> None:
    site.faults["/file"] = [Fault(cut=300_000), fault]
    download([url], part, QUICK)
    assert part.read_bytes() == CONTENT


def test_a_silent_server_is_asked_again(site: Site, url: str, part: Path) -> None:
    site.faults["/file"] = [Fault(stall=5.0)]
    begin = time.monotonic()
    download([url], part, replace(QUICK, timeout=0.3))
    assert part.read_bytes() == CONTENT
    assert time.monotonic() - begin < 4.5


def test_a_slow_server_is_waited_for(site: Site, url: str, part: Path) -> None:
    site.slowness = 0.01
    download([url], part, replace(QUICK, timeout=0.3))
    assert part.read_bytes() == CONTENT
    assert len(site.requests) == 1


def test_pauses_grow_and_the_server_may_ask_for_more(site: Site, url: str, part: Path) -> None:
    site.faults["/file"] = [Fault(status=500), Fault(status=502), Fault(status=429, retry_after="1")]
    begin = time.monotonic()
    download([url], part, replace(QUICK, pause=0.1))
    assert 0.1 + 0.2 + 1.0 <= time.monotonic() - begin < 10


@pytest.mark.parametrize("after", ["\xb2", "-1", "1e9", "9" * 5000])
def test_a_pause_that_is_no_number_is_none(site: Site, url: str, part: Path, after: str) -> None:
    site.faults["/file"] = [Fault(status=503, retry_after=after)]
    begin = time.monotonic()
    download([url], part, QUICK)
    assert time.monotonic() - begin < 20


def test_a_body_that_ends_early_is_never_complete(site: Site, url: str, part: Path) -> None:
    site.marks = False
    site.always["/file"] = Fault(cut=300_000)
    with pytest.raises(UnavailableError, match="ended after 300000 of 1048576 bytes|broke after"):
        download([url], part, QUICK)
    assert len(site.requests) == QUICK.attempts


def test_too_large_is_refused_before_it_is_read(site: Site, url: str, part: Path) -> None:
    with pytest.raises(UnavailableError, match="1048576 bytes, more than the 1000 that are accepted"):
        download([url], part, replace(QUICK, limit=1000))
    assert not part.exists()
    assert len(site.requests) == 1


def test_the_next_address_is_tried(site: Site, url: str, part: Path) -> None:
    site.faults["/forbidden"] = [Fault(status=403)]
    assert download([site.url + "/none", site.url + "/forbidden", url], part, QUICK) == url
    assert part.read_bytes() == CONTENT


def test_every_refusal_is_named_without_its_query(site: Site, part: Path) -> None:
    with pytest.raises(UnavailableError) as caught:
        download([f"{site.url}/a?signature=secret", f"{site.url}/b"], part, QUICK)
    assert str(caught.value) == f"{site.url}/a: HTTP 404; {site.url}/b: HTTP 404"


def test_no_connection_ends_it_at_once(part: Path) -> None:
    # Port 1 of this machine: nothing listens there.
    with pytest.raises(UnreachableError, match=r"cannot reach 127\.0\.0\.1:1 after 4 attempts"):
        download(["http://127.0.0.1:1/a", "http://127.0.0.1:1/b"], part, QUICK)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://example.com/a", "only https is accepted"),
        ("ftp://127.0.0.1/a", "only https is accepted"),
        ("file:///etc/hostname", "only https is accepted"),
        ("https://user:secret@example.com/a", "credentials inside an address"),
    ],
)
def test_only_https_leaves_this_machine(part: Path, address: str, reason: str) -> None:
    with pytest.raises(UnavailableError, match=reason) as caught:
        download([address], part, QUICK)
    assert "secret" not in str(caught.value)


def test_a_redirect_within_the_host_is_followed(site: Site, url: str, part: Path) -> None:
    site.always["/here"] = Fault(status=302, location="/file")
    download([site.url + "/here"], part, QUICK)
    assert part.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://localhost:{port}/file", "redirects to localhost, which is not allowed"),
        ("https://evil.example/file", "redirects to evil.example, which is not allowed"),
        ("http://evil.example/file", "only https is accepted"),
        ("file:///etc/hostname", "only https is accepted"),
        ("https://[x/file", "redirects to no address"),
        ("https://127.0.0.1:99999/file", "no address: Port out of range"),
        ("", "more than 5 redirects"),
    ],
)
def test_a_redirect_elsewhere_is_refused(site: Site, part: Path, location: str, reason: str) -> None:
    site.always["/here"] = Fault(status=307, location=location.format(port=site.url.rpartition(":")[2]))
    with pytest.raises(UnavailableError, match=reason):
        download([site.url + "/here"], part, QUICK)
    assert not part.exists()


@pytest.mark.parametrize(("allowed", "fits"), [("localhost", True), (".localhost", False), ("ocalhost", False)])
def test_hosts_are_compared_whole(site: Site, url: str, part: Path, allowed: str, fits: bool) -> None:
    site.always["/here"] = Fault(status=302, location=url.replace("127.0.0.1", "localhost"))
    policy = replace(QUICK, hosts=(allowed,))
    if fits:
        download([site.url + "/here"], part, policy)
        assert part.read_bytes() == CONTENT
    else:
        with pytest.raises(UnavailableError, match="not allowed"):
            download([site.url + "/here"], part, policy)


def test_the_key_goes_to_its_own_host_only(serve: Callable[..., Site], url: str, site: Site, part: Path) -> None:
    front = serve()
    front.always["/here"] = Fault(status=302, location="/there")
    front.always["/there"] = Fault(status=302, location=url)
    download([front.url + "/here"], part, QUICK, token="secret")
    assert [h.get("authorization") for h in front.asked("/here")] == ["Bearer secret"]
    assert [h.get("authorization") for h in front.asked("/there")] == ["Bearer secret"]
    assert [h.get("authorization") for h in site.asked("/file")] == [None]  # the same machine, another port


def test_a_password_file_is_not_used(site: Site, url: str, part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = part.parent / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    download([url], part, QUICK)
    assert "authorization" not in site.asked("/file")[0]


def test_a_refused_key_is_named_but_not_shown(site: Site, part: Path) -> None:
    site.always["/file"] = Fault(status=401)
    with pytest.raises(UnavailableError, match="HTTP 401; NGC_API_KEY was not accepted") as caught:
        download([site.url + "/file"], part, QUICK, token="secret")
    assert "secret" not in str(caught.value)


def test_a_folder_that_cannot_be_written(url: str, tmp_path: Path) -> None:
    with pytest.raises(PerceptionError, match="No such file or directory; make room or set PP_MODEL_DIR"):
        download([url], tmp_path / "absent" / ".file.part", QUICK)


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes the certificate, is not installed")
    files = Certificate(tmp_path / "certificate.pem", tmp_path / "key.pem")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-keyout", str(files.key), "-out", str(files.certificate), "-days", "1", "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    return files


def test_https_with_a_trusted_certificate(
    serve: Callable[..., Site], certificate: Certificate, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = serve(certificate)
    site.files["/file"] = CONTENT
    site.faults["/file"] = [Fault(cut=300_000)]
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.certificate))
    download([site.url + "/file"], part, QUICK)
    assert part.read_bytes() == CONTENT


def test_https_with_a_certificate_that_nobody_trusts(
    serve: Callable[..., Site], certificate: Certificate, part: Path
) -> None:
    site = serve(certificate)
    with pytest.raises(UnavailableError, match=r"the certificate of 127\.0\.0\.1 is not trusted"):
        download([site.url + "/file"], part, QUICK)
    assert site.requests == []


def test_https_is_not_left(
    serve: Callable[..., Site], certificate: Certificate, url: str, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secure = serve(certificate)
    secure.always["/here"] = Fault(status=302, location=url)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.certificate))
    with pytest.raises(UnavailableError, match="http: a redirect from https must stay on https"):
        download([secure.url + "/here"], part, QUICK)
