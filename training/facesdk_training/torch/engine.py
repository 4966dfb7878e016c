"""The training engine ``torch``: PyTorch, on a GPU or several, else on the CPU."""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from facesdk.errors import FaceSDKWarning, InputError
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import Contract
from facesdk.recognition.embedding import CropEmbedder
from facesdk_training.architectures.mobile_face_net import MobileFaceNetConfig
from facesdk_training.config.run import RunConfig, TeacherConfig, TeacherFile
from facesdk_training.config.stages import stages_of
from facesdk_training.data.compensation import pools
from facesdk_training.data.material import Material
from facesdk_training.data.people import targets_of
from facesdk_training.data.teacher import IN_TFLITE, TeacherRuntime, load_teacher
from facesdk_training.runs import folder as run_folder
from facesdk_training.runs import hdf5
from facesdk_training.runs.record import config_of
from facesdk_training.torch import checkpoints
from facesdk_training.torch.device.batches import DeviceBatches
from facesdk_training.torch.device.distortions import Distortions
from facesdk_training.torch.device.embedder import DeviceEmbedder
from facesdk_training.torch.device.held_out import HeldOut, on_device
from facesdk_training.torch.device.teacher_files import UnknownOperatorError, read_teacher
from facesdk_training.torch.device.teachers import Ensemble, Teacher
from facesdk_training.torch.learner import Acceleration
from facesdk_training.torch.networks.build import build_embedder
from facesdk_training.torch.networks.kernels import availability
from facesdk_training.torch.networks.network import Network
from facesdk_training.torch.objectives import objective_of
from facesdk_training.torch.processes import Processes, join
from facesdk_training.torch.terms import Terms
from facesdk_training.torch.trainer import Setting, Trainer
from facesdk_training.torch.warm_start import restore_weights
from facesdk_training.torch.weights import set_keras_weights, start_from

_CROPS_PER_CALL = 512
"""Of a teacher on a GPU."""

_STATISTICS_CROPS = 512


@dataclass(frozen=True, slots=True)
class TorchEngine:
    """See :class:`facesdk_training.engines.TrainingEngine`.

    Attributes:
        processes: This process among those that share the work.
    """

    processes: Processes

    def saved_step(self, run: Path) -> int | None:
        """See :meth:`facesdk_training.engines.TrainingEngine.saved_step`."""
        return checkpoints.found(run).step

    def require_possible(self, config: RunConfig) -> None:
        """See :meth:`facesdk_training.engines.TrainingEngine.require_possible`."""
        _require_possible(config, self.processes)
        if config.objective == "distillation" and config.loss.imitates_layers:
            Terms(
                config.loss, build_embedder(config.final_network), _imitated(config), _size(config)
            )

    def teacher_runtime(self, config: RunConfig) -> TeacherRuntime:
        """See :meth:`facesdk_training.engines.TrainingEngine.teacher_runtime`."""
        workers, device = config.data.workers, self.processes.device
        if device.type != "cuda":
            return replace(IN_TFLITE, workers=workers)
        return TeacherRuntime(lambda row: device_embedder(row, device), _CROPS_PER_CALL, workers)

    def trainer(
        self,
        run: Path,
        config: RunConfig,
        material: Material,
        network: Network | None = None,
        teacher: Network | None = None,
    ) -> Trainer:
        """See :meth:`facesdk_training.engines.TrainingEngine.trainer`.

        Args:
            run: The run folder.
            config: The configuration.
            material: What is learned from.
            network: What is trained, in place of what ``config.network`` describes: copies of it,
                from its weights.
            teacher: The network whose layers are imitated, where the loss asks for that, in place
                of what ``config.teacher`` names.
        """
        _require_possible(config, self.processes)
        imitated = _imitated(config) if teacher is None else teacher
        device, split = self.processes.device, material.split
        size = _size(config)
        workers = config.data.workers
        crops = on_device(material.crops, split.train, device, workers)
        fast = device.type == "cuda"
        distortions = Distortions(config.distortion_rows, *size)
        copied = pools(config.nuisances, material.crops.records, split.train)
        batches = DeviceBatches(
            crops,
            torch.from_numpy(targets_of(config, material)[split.train]).to(device),
            distortions,
            batch_size=config.batch_size // self.processes.count,
            teachers=_ensemble(config, material, device) if config.blends else None,
            blends=config.blends,
            alike=config.alike,
            strangers=config.loss.strangers if config.loss.stranger_weight else 0,
            record=fast,
            copied={
                sets: np.flatnonzero(np.isin(split.train, rows)) for sets, rows in copied.items()
            },
        )
        held_out = HeldOut(
            on_device(material.crops, split.validation, device, workers),
            split.validation_identities,
            Distortions((), *size),
        )
        setting = Setting(
            device,
            batches,
            held_out,
            lambda: objective_of(config, material),
            lambda network: Terms(config.loss, network, copy.deepcopy(imitated), size),
            Acceleration(
                autocast=config.precision != "float32",
                compile=fast,
                kernels=fast and not availability.missing(),
                record=fast and self.processes.count == 1,
            ),
            self.processes,
            lambda fresh: _initialise(fresh, config, crops),
            build_embedder if network is None else lambda _: copy.deepcopy(network),
        )
        return Trainer(run, config, setting)


def device_embedder(row: TeacherConfig | TeacherFile, device: torch.device) -> CropEmbedder:
    """A teacher on the device, or in the TFLite runtime where it has operators that are not known.

    Raises:
        FaceSDKError: It cannot be read, or is no recognition model.

    Warns:
        FaceSDKWarning: It runs in the TFLite runtime.
    """
    path = Path(row.model)
    try:
        teacher = _read(row)
    except UnknownOperatorError as error:
        warnings.warn(f"{error}; it embeds all crops on the CPU", FaceSDKWarning, stacklevel=2)
        return load_teacher(row)
    bundle = ModelBundle.load(path)
    contract = Contract.read(Path(row.contract)) if row.contract else bundle.contract
    teacher = teacher.to(device, memory_format=torch.channels_last).eval()
    return DeviceEmbedder(teacher, contract, bundle.model_id, str(path), device)


def start(threads: int | None = None) -> TorchEngine:
    """The engine, on the GPU that ``torchrun`` gives this process, the first one, or the CPU."""
    if threads is not None:
        torch.set_num_threads(threads)
    torch.backends.cudnn.benchmark = True
    return TorchEngine(join())


def _require_possible(config: RunConfig, processes: Processes) -> None:
    if config.precision == "mixed_float16":
        raise InputError('the training engine "torch" computes in bfloat16: set precision to that')
    if config.augmentation.random_crop:
        raise InputError('the training engine "torch" has no augmentation.random_crop')
    if config.batch_size % processes.count:
        raise InputError(
            f"batch_size must be a multiple of the {processes.count} processes, but is "
            f"{config.batch_size}"
        )
    if config.blends and config.objective != "distillation":
        raise InputError("blends need a teacher: set objective to distillation, or blends to 0")
    if config.blends and not config.teacher.model:
        raise InputError("blends need teacher.model, a .tflite: a teacher.network cannot be asked")
    if config.blends and config.loss.needs_labels:
        raise InputError(
            "blends show two people: set loss.label_weight and soft_target_weight to 0"
        )
    if config.blends and config.teacher.select_neurons:
        raise InputError("blends and teacher.select_neurons do not go together")


def _size(config: RunConfig) -> tuple[int, int]:
    return config.final_network.input_height, config.final_network.input_width


def _imitated(config: RunConfig) -> Network | Teacher | None:
    """The teacher whose layers the loss looks at."""
    if not config.loss.imitates_layers:
        return None
    if config.teacher.model:
        return _on_device(config.teacher)
    path = Path(config.teacher.network)
    if not (path / run_folder.CONFIG).is_file() or (path / run_folder.NETWORK).exists():
        raise InputError(
            'the training engine "torch" looks at the layers of a teacher.model, or of a finished '
            f"run of a network of facesdk's own, but {path} is another: use --engine keras"
        )
    described, own = config_of(path).final_network, config.final_network
    if (described.input_height, described.input_width) != (own.input_height, own.input_width):
        raise InputError(
            f"the teacher takes {described.input_height}x{described.input_width} but the student "
            f"{own.input_height}x{own.input_width}: their layers can be compared on the same crops "
            "only"
        )
    network, weights = build_embedder(described), path / run_folder.WEIGHTS
    try:
        content = weights.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {weights}: {error.strerror}") from None
    missing = set_keras_weights(network, hdf5.read_weights(content), str(weights))
    if missing:
        raise InputError(f"{weights} has no weights of {', '.join(missing)}")
    return network


def _read(row: TeacherConfig | TeacherFile) -> Teacher:
    return read_teacher(Path(row.model), Path(row.contract) if row.contract else None)


def _on_device(row: TeacherConfig | TeacherFile) -> Teacher:
    """A teacher that has to run beside the student."""
    try:
        return _read(row)
    except UnknownOperatorError as error:
        raise InputError(
            f"{error}: train without blends, and without hints and attention"
        ) from None


def _ensemble(config: RunConfig, material: Material, device: torch.device) -> Ensemble:
    teachers = []
    for row in (config.teacher, *config.teacher.more):
        teacher = _on_device(row)
        kind = torch.float16 if device.type == "cuda" else torch.float32
        teachers.append(teacher.to(device, kind, memory_format=torch.channels_last).eval())
    projection: Tensor | None = None
    if material.projection is not None:
        projection = torch.from_numpy(material.projection).to(device)
    return Ensemble(teachers, projection)


def _initialise(fresh: Network, config: RunConfig, crops: Tensor) -> None:
    """Gives a network the weights to start from; crops are those that are trained on."""
    if not config.start_from:
        return
    path, shape = Path(config.start_from), stages_of(config, 1)[0].network
    if path.suffix.lower() == ".npz":
        start_from(path, fresh, shape)
        return
    if not isinstance(shape, MobileFaceNetConfig):
        raise InputError(
            'the training engine "torch" starts from the latent.npz of a run, and a MobileFaceNet '
            "from a .tflite: with that of another network use --engine keras"
        )
    same_everywhere = torch.Generator().manual_seed(config.seed)
    rows = torch.randperm(len(crops), generator=same_everywhere)[:_STATISTICS_CROPS]
    plain = Distortions((), shape.input_height, shape.input_width)
    images = plain(crops[rows.to(crops.device)].float(), 1.0)
    restore_weights(fresh, shape, ModelBundle.load(path), images)
