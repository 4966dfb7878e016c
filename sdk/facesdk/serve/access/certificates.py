"""A certificate for HTTPS that this computer makes for itself.

A browser gives a page its camera at ``https:`` or on the same computer only. No authority signs
certificates for ``pi.local``, so the browser asks its user once whether to trust this one; the
fingerprint, which the program prints, says whether it is the right one.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from facesdk.errors import InputError
from facesdk.files import make_folder, read_regular, write_atomic

_DAYS = 800
"""Less than the 825 that Apple's systems accept."""
_LEAST_DAYS = 30
"""A certificate of ours that ends sooner is made anew."""
_OURS = "facesdk on this computer"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its key, in two files.

    Attributes:
        path: The certificate (PEM).
        key: Its private key (PEM).
        fingerprint: SHA-256 of the certificate, as browsers show it.
        made: Whether it was made now.
    """

    path: Path
    key: Path
    fingerprint: str
    made: bool


def open_certificate(folder: Path, host: str) -> Certificate:
    """The certificate of a folder (``cert.pem``, ``key.pem``), which is made where there is none.

    One of your own may be put there; only one that was made here is made anew before it ends.

    Args:
        folder: The folder.
        host: The address that the service listens at; the computer's names are added.

    Raises:
        InputError: A file cannot be read or written, or is no certificate, one that OpenSSL refuses
            or one that has ended.
    """
    path, key = folder / "cert.pem", folder / "key.pem"
    made = not os.path.lexists(path) and not os.path.lexists(key)
    if made:
        _make(folder, path, key, host)
    certificate = _read(path, key)
    left = certificate.not_valid_after_utc - datetime.datetime.now(datetime.timezone.utc)
    if left < datetime.timedelta(days=_LEAST_DAYS) and _is_ours(certificate):
        _make(folder, path, key, host)
        certificate, made = _read(path, key), True
    elif left <= datetime.timedelta():
        raise InputError(f"the certificate {path} has ended: put a new one there")
    return Certificate(path, key, certificate.fingerprint(hashes.SHA256()).hex(":").upper(), made)


def _read(path: Path, key: Path) -> x509.Certificate:
    try:
        certificate = x509.load_pem_x509_certificate(read_regular(path))
        private = serialization.load_pem_private_key(read_regular(key), None)
    except OSError as error:
        raise InputError(f"cannot read {error.filename or path}: {error.strerror}") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InputError(
            f"{path} or {key} is not a certificate or key in PEM without a password: remove both, "
            "and a new pair is made"
        ) from None
    if private.public_key() != certificate.public_key():
        raise InputError(f"{key} is not the key of {path}: remove both, and a new pair is made")
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(path, key)
    except ssl.SSLError as error:
        reason = (error.reason or "unknown").replace("_", " ").lower()
        raise InputError(
            f"OpenSSL refuses {path} with {key} ({reason}): remove both, and a new pair is made"
        ) from None
    return certificate


def _is_ours(certificate: x509.Certificate) -> bool:
    return certificate.subject == certificate.issuer == _NAME


_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _OURS)])


def _make(folder: Path, path: Path, key: Path, host: str) -> None:
    make_folder(folder)
    private = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_NAME)
        .issuer_name(_NAME)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # a Pi's clock may be late
        .not_valid_after(now + datetime.timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName(_names(host)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(private, hashes.SHA256())
    )
    write_atomic(
        key,
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        private=True,
    )
    write_atomic(path, certificate.public_bytes(serialization.Encoding.PEM))


def _names(host: str) -> list[x509.GeneralName]:
    """What this computer is called: its names and addresses."""
    own = socket.gethostname().partition(".")[0]
    names = dict.fromkeys(["localhost", own, f"{own}.local"])
    addresses = dict.fromkeys(["127.0.0.1", "::1"])
    with suppress(OSError):
        for row in socket.getaddrinfo(socket.gethostname(), None):
            addresses[str(row[4][0]).partition("%")[0]] = None
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing; tells the address of the way out
        addresses[probe.getsockname()[0]] = None
    try:
        if not ipaddress.ip_address(host).is_unspecified:
            addresses[host] = None
    except ValueError:
        names[host] = None
    usable = [name for name in names if name.isascii() and name]
    return [
        *map(x509.DNSName, usable),
        *(x509.IPAddress(ipaddress.ip_address(address)) for address in addresses),
    ]
