from __future__ import annotations

import pytest

from facesdk import errors


def test_an_installed_module_passes() -> None:
    errors.require_extra("numpy", extra="train")


@pytest.mark.parametrize(("limit", "hint"), [((99, 0), "train]'`"), ((3, 0), "3.10 to 3.12")])
def test_a_missing_module_names_the_pip_line(
    monkeypatch: pytest.MonkeyPatch, limit: tuple[int, int], hint: str
) -> None:
    monkeypatch.setattr(errors, "TRAINING_PYTHON_LIMIT", limit)
    with pytest.raises(errors.DependencyError, match="no_such_module") as caught:
        errors.require_extra("no_such_module", extra="train")
    assert str(caught.value).endswith(hint)
    assert caught.value.exit_code == errors.EXIT_UNAVAILABLE


def test_a_foreign_message_becomes_one_line() -> None:
    assert errors.one_line(ValueError("two\n\tlines  here ")) == "two lines here"
    assert errors.one_line("x" * 500, 200) == "x" * 200
    assert errors.one_line(KeyError()) == "KeyError"
