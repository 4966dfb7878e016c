"""The finder's model file: what PyTorch computes, at any size, in both widths."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from facesdk.errors import ModelError
from facesdk.models.bundle import ModelBundle
from facesdk.runtime.interpreter import Interpreter
from facesdk_converters.cli import convert as command
from facesdk_converters.detectors import finder
from facesdk_training.architectures.finder import FinderPlan
from facesdk_training.detector import weights
from facesdk_training.detector.network import Finder
from facesdk_training.runs import finder as finder_file

BINARY = FinderPlan(8, (8, 32, 32, 32), (0, 1, 0, 1), binary=True)
WORDS = {"training_data": "photos", "license": "CC0-1.0"}


def trained(plan: FinderPlan) -> Finder:
    """A network whose batch-norm has statistics of its own."""
    torch.manual_seed(0)
    network = Finder(plan)
    network.train()
    with torch.no_grad():
        for _ in range(30):
            network(torch.rand(2, 3, 64, 64) * 255)
        for name, value in network.named_parameters():
            if name.endswith("1.weight"):
                value.uniform_(0.6, 1.4)
            elif name.endswith("1.bias"):
                value.uniform_(-0.2, 0.2)
    return network.eval()


@pytest.fixture(scope="module", params=[FinderPlan(), FinderPlan(8, (8, 16, 16, 16), (0, 1, 0, 2))])
def run(request, tmp_path_factory) -> tuple[Finder, Path]:
    network = trained(request.param)
    path = tmp_path_factory.mktemp("run") / "finder.npz"
    weights.save(path, network, 12)
    return network, path


@pytest.mark.parametrize("size", [(64, 96), (160, 64)])
@pytest.mark.parametrize(("float16", "most"), [(False, 1e-3), (True, 0.1)])
def test_the_file_computes_what_pytorch_does(run, tmp_path, size, float16, most):
    network, path = run
    made = finder.convert(path, tmp_path / "finder.tflite", float16=float16, **WORDS)
    image = np.random.default_rng(5).uniform(0, 255, (1, *size, 3)).astype(np.float32)
    with torch.no_grad():
        expected = network(torch.from_numpy(image.transpose(0, 3, 1, 2).copy()))
    interpreter = Interpreter(ModelBundle.load(made.path), input_shapes=[image.shape])
    outputs = interpreter.run(image)
    assert [output.shape[1:] for output in outputs] == [
        (size[0] // stride, size[1] // stride, 16) for stride in (8, 16, 32)
    ]
    for got, level in zip(outputs, expected, strict=True):
        assert np.abs(got - level.permute(0, 2, 3, 1).numpy()).max() <= most


def test_float16_halves_the_file_and_the_default_plan_stays_small(tmp_path):
    path = tmp_path / "finder.npz"
    weights.save(path, trained(FinderPlan()), 1)
    wide = finder.convert(path, tmp_path / "wide.tflite", float16=False, **WORDS)
    half = finder.convert(path, tmp_path / "half.tflite", float16=True, **WORDS)
    assert half.bytes < 0.62 * wide.bytes
    assert half.bytes <= 130_000
    assert wide.bytes <= 230_000
    assert (half.contract.variant, wide.contract.variant) == ("float16", "float")


def test_the_same_weights_give_the_same_bytes(run, tmp_path):
    _, path = run
    files = [tmp_path / "a" / "finder.tflite", tmp_path / "b" / "finder.tflite"]
    for file in files:
        finder.convert(path, file, float16=True, **WORDS)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_weights_that_do_not_belong_to_their_probe_are_refused(run, tmp_path):
    _, path = run
    stored = finder_file.read(path)
    outputs = {**stored.probe_outputs, 16: stored.probe_outputs[16] + 0.2}
    finder_file.write(tmp_path / "finder.npz", replace(stored, probe_outputs=outputs))
    with pytest.raises(ModelError, match="differ"):
        finder.convert(tmp_path / "finder.npz", tmp_path / "out.tflite", float16=True, **WORDS)
    assert not (tmp_path / "out.tflite").exists()


@pytest.fixture(scope="module")
def signs(tmp_path_factory) -> tuple[Finder, Path]:
    network = trained(BINARY)
    path = tmp_path_factory.mktemp("signs") / "finder.npz"
    weights.save(path, network, 12)
    return network, path


@pytest.mark.parametrize("float16", [False, True])
def test_a_1_bit_finder_computes_with_signs_what_pytorch_does(signs, tmp_path, float16):
    network, path = signs
    made = finder.convert(path, tmp_path / "finder.tflite", float16=float16, **WORDS)
    bundle = ModelBundle.load(made.path)
    assert bundle.contract.variant == ("1-bit, float16" if float16 else "1-bit, float")
    names = [operator.name for operator in bundle.graph.operators]
    assert names.count("LceBconv2d") == names.count("LceQuantize") == len(network.latent()) == 6
    for size in ((64, 96), (160, 64)):
        image = np.random.default_rng(5).uniform(0, 255, (1, *size, 3)).astype(np.float32)
        with torch.no_grad():
            expected = network(torch.from_numpy(image.transpose(0, 3, 1, 2).copy()))
        outputs = Interpreter(bundle, input_shapes=[image.shape]).run(image)
        for got, level in zip(outputs, expected, strict=True):
            wanted = level.permute(0, 2, 3, 1).numpy()
            apart = np.abs(got - wanted)
            if float16:
                cosine = (got * wanted).sum() / np.linalg.norm(got) / np.linalg.norm(wanted)
                assert cosine > finder.HALF_SIGNS.min_cosine
            else:
                assert np.quantile(apart, 0.98) <= 1e-3


def test_a_1_bit_finder_that_does_not_belong_to_its_probe_is_refused(signs, tmp_path):
    _, path = signs
    stored = finder_file.read(path)
    outputs = {**stored.probe_outputs, 16: stored.probe_outputs[16][::-1] + 0.2}
    finder_file.write(tmp_path / "finder.npz", replace(stored, probe_outputs=outputs))
    with pytest.raises(ModelError, match="differ"):
        finder.convert(tmp_path / "finder.npz", tmp_path / "out.tflite", float16=True, **WORDS)


def test_the_verb_says_what_it_made(run, tmp_path):
    _, path = run
    out = tmp_path / "finder.tflite"
    result = CliRunner().invoke(
        command.app, ["finder", str(path), "-o", str(out), "--training-data", "ours", "--json"]
    )
    assert result.exit_code == 0, result.output
    contract = ModelBundle.load(out).contract
    assert (contract.task, contract.architecture) == ("detection", "Finder")
    assert contract.training_data == "ours"
