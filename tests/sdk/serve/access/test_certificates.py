"""The certificate that the computer makes for itself."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509

from facesdk.errors import InputError
from facesdk.serve.access import certificates
from facesdk.serve.access.certificates import open_certificate


def test_it_is_made_once_for_the_names_of_this_computer(tmp_path: Path) -> None:
    made = open_certificate(tmp_path / "tls", "192.168.1.7")
    again = open_certificate(tmp_path / "tls", "192.168.1.7")
    assert (made.made, again.made) == (True, False)
    assert made.fingerprint == again.fingerprint
    assert stat.S_IMODE(made.key.stat().st_mode) == 0o600
    certificate = x509.load_pem_x509_certificate(made.path.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    dns = names.get_values_for_type(x509.DNSName)
    own = socket.gethostname().partition(".")[0]
    assert {"localhost", own, f"{own}.local"} <= set(dns)
    addresses = names.get_values_for_type(x509.IPAddress)
    assert {*map(ipaddress.ip_address, ("127.0.0.1", "::1", "192.168.1.7"))} <= set(addresses)
    left = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert left < datetime.timedelta(days=825), "Apple's systems refuse longer ones"
    digest = ssl.PEM_cert_to_DER_cert(made.path.read_text())
    import hashlib

    assert made.fingerprint.replace(":", "").lower() == hashlib.sha256(digest).hexdigest()
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(made.path, made.key)


def test_one_of_ours_is_made_anew_before_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificates, "_DAYS", 10)
    old = open_certificate(tmp_path, "localhost")
    monkeypatch.setattr(certificates, "_DAYS", 800)
    new = open_certificate(tmp_path, "localhost")
    assert new.made and new.fingerprint != old.fingerprint


def test_one_of_somebody_else_is_never_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pi.example")])
    ours = certificates._NAME
    monkeypatch.setattr(certificates, "_NAME", name)
    monkeypatch.setattr(certificates, "_DAYS", 10)
    theirs = open_certificate(tmp_path, "localhost")
    monkeypatch.setattr(certificates, "_NAME", ours)
    assert open_certificate(tmp_path, "localhost").fingerprint == theirs.fingerprint
    for path in tmp_path.iterdir():
        path.unlink()
    monkeypatch.setattr(certificates, "_NAME", name)
    monkeypatch.setattr(certificates, "_DAYS", -0.5)
    certificates._make(tmp_path, tmp_path / "cert.pem", tmp_path / "key.pem", "localhost")
    monkeypatch.setattr(certificates, "_NAME", ours)
    with pytest.raises(InputError, match="has ended"):
        open_certificate(tmp_path, "localhost")


def test_files_that_are_no_pair_are_refused(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    open_certificate(one, "localhost")
    open_certificate(two, "localhost")
    (one / "key.pem").write_bytes((two / "key.pem").read_bytes())
    with pytest.raises(InputError, match="is not the key of"):
        open_certificate(one, "localhost")
    (two / "cert.pem").write_text("nothing")
    with pytest.raises(InputError, match="not a certificate or key in PEM"):
        open_certificate(two, "localhost")
    (one / "key.pem").unlink()
    with pytest.raises(InputError, match=r"cannot read .*key\.pem"):
        open_certificate(one, "localhost")


def test_a_pair_that_openssl_refuses_is_refused(tmp_path: Path) -> None:
    open_certificate(tmp_path, "localhost")
    with (tmp_path / "cert.pem").open("a") as chain:
        chain.write("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    with pytest.raises(InputError, match=r"OpenSSL refuses .*cert\.pem with .*key\.pem"):
        open_certificate(tmp_path, "localhost")
