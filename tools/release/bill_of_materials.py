"""What a wheel consists of and what it asks for, as a CycloneDX bill of materials (version 1.6).

Parts that are inside have their digest and licence: the operator library, and each packaged model,
whose licence is that of its contract. What pip fetches besides is listed as requirements, each with
its condition: their versions are chosen where the wheel is installed, so none is stated. The same
wheel gives the same text: its time is that in the wheel. Needs the extra ``wheels``.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from datetime import datetime, timezone
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from facesdk.models.bundle import ModelBundle
from tools.release.check_wheel import LIBRARY

if TYPE_CHECKING:
    from cyclonedx.model import HashType
    from cyclonedx.model.component import Component
    from packageurl import PackageURL

_SPDX = ("MIT", "Apache-2.0")


def bill_of_materials(wheel: Path) -> str:
    """The bill of materials of a wheel, as JSON."""
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.dependency import Dependency
    from cyclonedx.model.license import LicenseExpression
    from cyclonedx.output.json import JsonV1Dot6

    content = wheel.read_bytes()
    with zipfile.ZipFile(wheel) as archive:
        metadata, time = _metadata(archive)
        described = Component(
            name=metadata["Name"],
            version=metadata["Version"],
            type=ComponentType.LIBRARY,
            bom_ref=wheel.name,
            description=metadata["Summary"],
            licenses=[LicenseExpression(metadata["License-Expression"])],
            hashes=[_sha256(content)],
            purl=_package(metadata["Name"], metadata["Version"]),
        )
        parts = [*_parts(archive), *_requirements(metadata)]
    bom = Bom(
        serial_number=uuid5(NAMESPACE_URL, hashlib.sha256(content).hexdigest()),
        metadata=BomMetaData(component=described, timestamp=time),
        components=parts,
    )
    bom.dependencies = [
        Dependency(described.bom_ref, [Dependency(part.bom_ref) for part in parts]),
        *(Dependency(part.bom_ref) for part in parts),
    ]
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def _metadata(archive: zipfile.ZipFile) -> tuple[Message, datetime]:
    (entry,) = (e for e in archive.infolist() if e.filename.endswith(".dist-info/METADATA"))
    text = archive.read(entry).decode()
    return HeaderParser().parsestr(text), datetime(*entry.date_time, tzinfo=timezone.utc)


def _parts(archive: zipfile.ZipFile) -> Iterator[Component]:
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.license import DisjunctiveLicense

    for name in sorted(archive.namelist()):
        content = archive.read(name)
        if name == LIBRARY:
            kind, licence = ComponentType.LIBRARY, "Apache-2.0"
        elif name.endswith((".tflite", ".tflite.pack")):
            kind = ComponentType.MACHINE_LEARNING_MODEL
            licence = ModelBundle.from_bytes(content, name, trust=True).contract.license
        else:
            continue
        stated = {"id": licence} if licence in _SPDX else {"name": licence}
        yield Component(
            name=name,
            type=kind,
            bom_ref=name,
            licenses=[DisjunctiveLicense(**stated)],
            hashes=[_sha256(content)],
        )


def _requirements(metadata: Message) -> Iterator[Component]:
    from cyclonedx.model import Property
    from cyclonedx.model.component import Component, ComponentScope, ComponentType

    for text in sorted(set(metadata.get_all("Requires-Dist", []))):
        requirement = Requirement(text)
        optional = "extra ==" in str(requirement.marker or "")
        yield Component(
            name=requirement.name,
            type=ComponentType.LIBRARY,
            bom_ref=text,
            scope=ComponentScope.OPTIONAL if optional else ComponentScope.REQUIRED,
            purl=_package(requirement.name),
            properties=[Property(name="facesdk:requirement", value=text)],
        )


def _package(name: str, version: str | None = None) -> PackageURL:
    from packageurl import PackageURL

    return PackageURL("pypi", name=canonicalize_name(name), version=version)


def _sha256(content: bytes) -> HashType:
    from cyclonedx.model import HashAlgorithm, HashType

    return HashType(alg=HashAlgorithm.SHA_256, content=hashlib.sha256(content).hexdigest())
