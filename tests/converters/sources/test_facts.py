from __future__ import annotations

from pathlib import Path

import pytest

from contracts import other
from facesdk.errors import InputError, ModelError
from facesdk_converters.sources.facts import Facts, advice, contract_with
from facesdk_converters.sources.source import Source

CONTRACT = other(112, 96, name="net", license="unstated")


class Shapes:
    """As much of a network as facts look at."""

    output_shapes, batch, layers, output_layers = ((16,),), None, (), ()

    def __init__(self, *input_shape: int) -> None:
        self.input_shapes = (input_shape,)

    def predict(self, inputs: object) -> object:
        return inputs


def source(*shape: int, documented: bool = False) -> Source:
    return Source(Path("net.h5"), Shapes(*shape), "", CONTRACT, documented)


def test_what_is_not_said_stays() -> None:
    assert contract_with(source(112, 96, 3), Facts()) == CONTRACT
    contract = contract_with(source(112, 96, 3), Facts(name="mine", mean=127.5))
    assert (contract.name, contract.input.mean, contract.input.scale) == ("mine", 127.5, 1.0)
    assert (contract.license, contract.input.color) == ("unstated", "any")


def test_a_recognition_model_has_a_template_a_length_and_a_channel_order() -> None:
    contract = contract_with(source(112, 96, 3), Facts(task="recognition"))
    assert (contract.template, contract.dim, contract.input.color) == ("arcface-112x96", 16, "RGB")
    contract = contract_with(source(112, 96, 3), Facts(task="recognition", color="BGR"))
    assert contract.input.color == "BGR"


@pytest.mark.parametrize("shape", [(96, 112, 3), (112, 96, 1), (112, 112), (8,)])
def test_other_inputs_are_no_aligned_crops(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match="leave out --task recognition"):
        contract_with(source(*shape), Facts(task="recognition"))


@pytest.mark.parametrize("fact", [{"task": "recognition"}, {"color": "RGB"}, {"mean": 0.0}])
def test_what_the_source_says_itself_is_not_said_again(fact: dict[str, object]) -> None:
    with pytest.raises(InputError, match=f"--{next(iter(fact))} does not go with net.h5"):
        contract_with(source(112, 96, 3, documented=True), Facts(**fact))


def test_a_task_that_is_not_known_is_refused_however_it_is_given() -> None:
    with pytest.raises(InputError, match="--task must be recognition, but got 'tracking'"):
        Facts(task="tracking")


def test_advice_is_given_where_it_can_be_followed() -> None:
    assert "if it embeds aligned faces, give --task" in advice(source(112, 112, 3), CONTRACT)
    assert "--task" not in advice(source(32, 32, 3), CONTRACT)
    assert "set-contract" in advice(source(32, 32, 3), CONTRACT)
    several = source(112, 112, 3)
    several.network.input_shapes *= 2
    assert advice(several, CONTRACT) == ""
    recogniser = contract_with(source(112, 96, 3), Facts(task="recognition"))
    assert advice(source(112, 96, 3), recogniser) == ""
