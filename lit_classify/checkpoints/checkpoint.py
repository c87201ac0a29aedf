"""Checkpoints, read and validated once and passed on as objects.

``LitModule.on_save_checkpoint`` records the classes and arguments of the model and the data as plain data.
They are passed to constructors directly, not through a parser, which would read a class named ``1e3`` as a
number.
"""

import json
import shlex
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lit_classify import __version__
from lit_classify.allowed_imports import import_object, trusted_imports_only
from lit_classify.checkpoints import compatibility
from lit_classify.checkpoints.compatibility import DATA_MODULES, KNOWN_CLASSES, TASKS
from lit_classify.checkpoints.io import has_checksum, is_intact
from lit_classify.checkpoints.search import alternative
from lit_classify.data import InMemoryDataModule
from lit_classify.errors import UserError, WrongTypeError, check_local_path, check_path
from lit_classify.losses import LOSSES, Loss, UnavailableLoss
from lit_classify.messages import how_to_give, unknown_name
from lit_classify.modules import LitModule
from lit_classify.modules.base import NAMED_CLASSES
from lit_classify.networks import Activation, Network
from lit_classify.serialization import (
    ClassSpec,
    class_path,
    constructor_parameters,
    plain,
    refers_to,
)


@dataclass(frozen=True)
class Checkpoint:
    """The tensors and plain data of a checkpoint; reading it runs no code from the file.

    Args:
        path: the file.
        content: its content.
        model: class and arguments of the module.
        data: class and arguments of the data module; None for data that is not an InMemoryDataModule.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> from lightning.pytorch import Trainer
        >>> from lit_classify import BinaryClassifier, CirclesDataModule
        >>> quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
        >>> trainer = Trainer(max_epochs=2, accelerator="cpu", enable_checkpointing=False, **quiet)
        >>> trainer.fit(BinaryClassifier(2, hidden=[4]), CirclesDataModule(num_samples=100))
        >>> with TemporaryDirectory() as directory:
        ...     trainer.save_checkpoint(Path(directory, "model.ckpt"))
        ...     checkpoint = Checkpoint.read(Path(directory, "model.ckpt"))
        ...
        >>> checkpoint.epochs, checkpoint.model.class_path, checkpoint.data.class_path
        (2, 'BinaryClassifier', 'CirclesDataModule')
        >>> checkpoint.build_model().predict(torch.zeros(3, 2)).shape
        torch.Size([3, 2])
    """

    path: Path
    content: dict[str, Any]
    model: ClassSpec
    data: ClassSpec | None

    @classmethod
    def read(cls, path: str | Path) -> "Checkpoint":
        """Read and check a file.

        Raises:
            UserError: the file does not exist, is corrupt or altered, or was not written by lit_classify.
        """
        check_path(path)
        check_local_path(str(path))
        path = Path(path)
        if not path.is_file():
            raise UserError(f"no checkpoint at {path}")
        if zipfile.is_zipfile(path) and not is_intact(path):
            raise UserError(f"corrupt checkpoint {path}{alternative(path)}")
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises exceptions of many types
            reason = str(error).partition(".")[0] or (repr(error) if path.stat().st_size else "it is empty")
            if isinstance(error, LookupError):  # of torch's reader of older files, if it is any other file
                reason = "it has another format"
            raise UserError(f"{path} is not a readable checkpoint: {reason}{alternative(path)}") from error
        written = content.get("lit_classify") if isinstance(content, dict) else None
        if not isinstance(written, dict) or not isinstance(written.get("model"), dict):
            raise UserError(f"{path} is a checkpoint, but lit_classify {__version__} did not write it")
        with consistent(path):
            parts = {
                part: ClassSpec.from_dict(written[part]) for part in ("model", "data") if part in written
            }
            compatibility.refuse_unknown_settings(
                path, str(written.get("version", "of unknown version")), parts
            )
            compatibility.check_same_table(path, parts["model"], parts.get("data"))
            for name in ("epoch", "global_step"):
                if type(content.get(name, 0)) is not int or content.get(name, 0) < 0:
                    raise UserError(f"{path} has inconsistent content: {name} is {content[name]!r}")
            if not isinstance(written.get("initialization", {}), dict):
                raise UserError(f"{path} has inconsistent content: initialization is no mapping")
            if written.get("sealed") and not has_checksum(path):
                raise UserError(f"{path} has been altered since it was written{alternative(path)}")
            return cls(path, content, parts["model"], parts.get("data"))

    @property
    def epochs(self) -> int:
        """The number of complete epochs trained before the checkpoint was saved."""
        with consistent(self.path):
            return int(self.content["loops"]["fit_loop"]["epoch_progress"]["current"]["completed"])

    @property
    def weights(self) -> dict[str, Tensor]:
        """The tensors of the state dict of the module, by name.

        Raises:
            UserError: there are none.
        """
        weights: Any = self.content.get("state_dict")
        if not isinstance(weights, dict) or not all(isinstance(part, Tensor) for part in weights.values()):
            raise UserError(f"{self.path} has no weights")
        return weights

    def build_model(
        self,
        network: Network | None = None,
        task: type[LitModule] | None = None,
        activation: Activation | None = None,
        loss: Loss | None = None,
    ) -> LitModule:
        """Build the module that wrote the checkpoint, with its weights, in evaluation mode.

        Args:
            network: the custom network of the checkpoint or its import path. It must be given, because a file
                is never trusted to name code to import.
            task: the class of the module, if it is a custom one.
            activation: the activation, if it is a custom class or an instance with settings.
            loss: the loss, if it is a custom one; predictions do not need it.

        Raises:
            UserError: ``network``, ``activation`` or ``task`` is missing, or the content is inconsistent.
        """
        task = task or TASKS.get(self.model.class_path)
        if task is None:
            raise UserError(unknown_name("module in the checkpoint", self.model.class_path, TASKS))
        with consistent(self.path):
            given = {"network": network, "activation": activation}
            self._check_given(given)
            custom = {name: self._custom_part(name, part) for name, part in given.items()}
            init_args = self.model.init_args | {
                name: part for name, part in custom.items() if part is not None
            }
            if isinstance(custom["network"], nn.Module):
                init_args["network_args"] = None  # the instance was built with them
            init_args["loss"] = self._loss(loss)
        with consistent(self.path), trusted_imports_only():
            if network is None:
                self._check_size(task, init_args)
            module = task(**init_args)
            self.check_weights(module)
            module.load_state_dict(self.content["state_dict"])
            return module.eval()

    def build_data(
        self, given: Mapping[str, Any] | None = None, own: type[InMemoryDataModule] | None = None
    ) -> InMemoryDataModule:
        """Build the data module that the checkpoint was trained on.

        Args:
            given: arguments that replace recorded ones, such as another path.
            own: the class of the data module, if it is a custom one.

        Raises:
            UserError: the file records no data module or an unknown one, or the data cannot be read.
        """
        if self.data is None and own is None:
            raise UserError(f"{self.path} does not record the data it was trained on")
        recorded = self.data or ClassSpec("", {})
        if own is None and recorded.class_path not in DATA_MODULES:
            raise UserError(unknown_name("data module in the checkpoint", recorded.class_path, DATA_MODULES))
        with consistent(self.path):
            return (own or DATA_MODULES[recorded.class_path])(**{**recorded.init_args, **(given or {})})

    def custom_class(self, part: str, given: str | None) -> Any:  # noqa: ANN401 - of the model or of the data
        """Return the given class of the model or data, or None for a recorded class of lit_classify.

        Raises:
            UserError: the given class is not the recorded one, or a custom class is not given.
        """
        recorded: ClassSpec | None = getattr(self, part)
        known, base = KNOWN_CLASSES[part], LitModule if part == "model" else InMemoryDataModule
        if given is None and recorded is not None and recorded.class_path not in known:
            raise UserError(
                f"{self.path} was trained with the {part} {recorded.class_path}: a checkpoint imports only "
                f"what you name yourself; {how_to_give(f'--{part}', recorded.class_path)}"
            )
        if given is None:
            return None
        found = known[given] if given in known else import_object(given, f"--{part}", base)
        if recorded is not None and not refers_to(recorded.class_path, found, known):
            raise UserError(
                f"{self.path} is of a {recorded.class_path}, but --{part} is a {class_path(found)}"
            )
        return found

    def _check_given(self, given: Mapping[str, Any]) -> None:
        """Raise UserError if custom parts of the model are not given, which names all of them."""
        missing = [name for name, part in given.items() if part is None and self._is_custom(name)]
        if missing:
            recorded = {name: str(self.model.init_args[name]) for name in missing}
            parts = " and ".join(f"the {name} {path!r}" for name, path in recorded.items())
            raise UserError(
                f"{self.path} was trained with {parts}: a checkpoint imports only what you name yourself; "
                f"{' and '.join(how_to_give(f'--model.{name}', path) for name, path in recorded.items())}"
            )

    def _is_custom(self, name: str) -> bool:
        """Return whether a part of the model is not one that has a name."""
        recorded = self.model.init_args.get(name)
        return recorded is not None and recorded not in NAMED_CLASSES.get(name, {})

    def _custom_part(self, name: str, given: Any) -> Any:  # noqa: ANN401 - a path, a class or an instance
        """Return a custom network or activation, imported if its path is given.

        Raises:
            UserError: it differs from the recorded one.
        """
        if given is None:
            return None
        recorded, known = self.model.init_args.get(name), NAMED_CLASSES.get(name, {})
        custom = import_object(given, f"--model.{name}") if isinstance(given, str) and "." in given else given
        kind = type(custom) if name == "network" and isinstance(custom, nn.Module) else custom
        if not (given == recorded or refers_to(recorded, kind, known)):
            raise UserError(f"{self.path} was trained with the {name} {recorded!r}, not {plain(given)!r}")
        return custom

    def _loss(self, given: Loss | None) -> Loss | None:
        """Return the loss, or one that raises an error when it is computed if it is custom and not given."""
        recorded = self.model.init_args.get("loss")
        if given is not None:
            custom: Loss = self._custom_part("loss", given)
            return custom
        is_known = recorded is None or recorded in LOSSES or f"{recorded}Loss" in LOSSES
        return recorded if is_known else UnavailableLoss(str(recorded))

    def check_weights(self, module: LitModule) -> None:
        """Compare the recorded weights with those of a module.

        Raises:
            UserError: names, shapes or dtypes differ, or a weight is not finite.
        """
        weights, expected = self.weights, module.state_dict()
        mismatch = f"{self.path}: the checkpoint's weights do not fit this model"
        if names := sorted(set(map(str, weights)) ^ set(expected)):
            raise UserError(f"{mismatch}: {names[0]}")
        own = {name for name, _ in [*module.named_parameters(), *module.named_buffers(recurse=False)]}
        found: dict[torch.dtype, torch.dtype] = {}  # a precision applies to all weights
        for name, weight in weights.items():
            shape, dtype = expected[name].shape, expected[name].dtype
            if weight.shape != shape:
                raise UserError(f"{mismatch}: {name} has the shape {tuple(weight.shape)}, not {tuple(shape)}")
            may_differ = dtype.is_floating_point and weight.is_floating_point()
            required = found.setdefault(dtype, weight.dtype) if may_differ else dtype
            if weight.dtype != required:
                raise UserError(f"{mismatch}: {name} has the dtype {weight.dtype}, not {required}")
            if name in own and weight.is_floating_point() and not bool(weight.isfinite().all()):
                raise UserError(f"{self.path}: the weight {name} contains NaN or infinity")

    def _check_size(self, task: type[LitModule], init_args: Mapping[str, Any]) -> None:
        """Compare shapes before memory is allocated: a file may record any size.

        No list of a model, such as the widths of its layers, is longer than the number of weights; to build
        from a longer one would take very long, even without memory.
        """
        weights = self.content.get("state_dict")
        longest = max((len(value) for value in init_args.values() if isinstance(value, list)), default=0)
        if isinstance(weights, dict) and longest > sum(weight.numel() for weight in weights.values()):
            raise UserError(f"{self.path}: the checkpoint's weights do not fit this model")
        with torch.device("meta"):
            self.check_weights(task(**init_args))

    def check_options(self, part: str, options: Iterable[str]) -> None:
        """Raise UserError if an option is not one of the class that the file records."""
        recorded: ClassSpec | None = getattr(self, part)
        kind = KNOWN_CLASSES[part].get(recorded.class_path) if recorded else None
        for name in options:
            if kind and name not in constructor_parameters(kind):
                raise UserError(f"--{part}.{name} is not an option of the checkpoint's {kind.__name__}")

    def check_settings(self, part: str, given: Mapping[str, Any]) -> None:
        """Compare settings with the recorded ones; settings that the file does not record are ignored.

        Raises:
            UserError: a setting differs; names both values.
        """
        recorded: ClassSpec | None = getattr(self, part)
        for name, value in given.items():
            before = recorded.init_args.get(name, value) if recorded else value
            if before != value:
                text = before if isinstance(before, str) else json.dumps(before, default=str)
                change = f"{part}.{name} is {before!r} in {self.path}, but {value!r} was given"
                option = f"--{part}.{name} {shlex.quote(text)}"
                raise UserError(f"{change}; add {option}, or retrain from scratch")


def load(
    path: str | Path,
    network: Network | None = None,
    activation: Activation | None = None,
    loss: Loss | None = None,
) -> LitModule:
    """Build the module that wrote a checkpoint, with its weights, in evaluation mode.

    Args:
        path: the checkpoint.
        network: the custom network of the checkpoint, or its import path. It must be given, because a file is
            never trusted to name code to import. An instance is filled with the weights.
        activation: the custom activation, or an instance with settings.
        loss: the custom loss, if it is to be computed.

    Raises:
        UserError: the file is not valid, or ``network`` or ``activation`` is missing.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> from lightning.pytorch import Trainer
        >>> from lit_classify import BinaryClassifier, CirclesDataModule
        >>> quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
        >>> trainer = Trainer(max_epochs=2, accelerator="cpu", enable_checkpointing=False, **quiet)
        >>> trainer.fit(BinaryClassifier(2, hidden=[4]), CirclesDataModule(num_samples=100))
        >>> with TemporaryDirectory() as directory:
        ...     trainer.save_checkpoint(Path(directory, "model.ckpt"))
        ...     model = load(Path(directory, "model.ckpt"))
        ...
        >>> model.predict(torch.zeros(3, 2)).shape
        torch.Size([3, 2])
    """
    return Checkpoint.read(path).build_model(network, activation=activation, loss=loss)


@contextmanager
def consistent(path: Path) -> Iterator[None]:
    """Turn any exception that inconsistent content raises into a UserError.

    Raises:
        UserError: any exception was raised.
    """
    try:
        yield
    except WrongTypeError as error:
        raise UserError(f"{path} has inconsistent content: {error}") from error
    except UserError:
        raise
    except Exception as error:
        reason = (str(error) or repr(error)).splitlines()[0]
        raise UserError(f"{path} has inconsistent content: {type(error).__name__}: {reason}") from error
