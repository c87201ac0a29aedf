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
from os import PathLike
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
from lit_classify.errors import UserError, WrongTypeError, check_local_path, check_path, check_type
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
        check_type("a checkpoint", path, str | PathLike)
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
        record = content.get("lit_classify") if isinstance(content, dict) else None
        if not isinstance(record, dict) or not isinstance(record.get("model"), dict):
            raise UserError(f"{path} is a checkpoint, but lit_classify {__version__} did not write it")
        with consistent(path):
            specs = {key: ClassSpec.from_dict(record[key]) for key in ("model", "data") if key in record}
            compatibility.refuse_unknown_settings(
                path, str(record.get("version", "of unknown version")), specs
            )
            compatibility.check_same_table(path, specs["model"], specs.get("data"))
            for name in ("epoch", "global_step"):
                if type(content.get(name, 0)) is not int or content.get(name, 0) < 0:
                    raise UserError(f"{path} has inconsistent content: {name} is {content[name]!r}")
            if not isinstance(record.get("initialization", {}), dict):
                raise UserError(f"{path} has inconsistent content: initialization is not a mapping")
            if record.get("sealed") and not has_checksum(path):
                raise UserError(f"{path} has been altered since it was written{alternative(path)}")
            return cls(path, content, specs["model"], specs.get("data"))

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
        if not isinstance(weights, dict) or not all(
            isinstance(tensor, Tensor) for tensor in weights.values()
        ):
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
            raise UserError(
                f"{self.path} was trained with the module {self.model.class_path}; use "
                "load_from_checkpoint of that class"
            )
        with consistent(self.path):
            arguments = {"network": network, "activation": activation}
            self._check_arguments(arguments)
            components = {name: self._custom_component(name, value) for name, value in arguments.items()}
            init_args = self.model.init_args | {
                name: value for name, value in components.items() if value is not None
            }
            if isinstance(components["network"], nn.Module):
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
        self, settings: Mapping[str, Any] | None = None, custom_class: type[InMemoryDataModule] | None = None
    ) -> InMemoryDataModule:
        """Build the data module that the checkpoint was trained on.

        Args:
            settings: arguments that replace the recorded ones, such as another path.
            custom_class: the class of the data module, if it is a custom one.

        Raises:
            UserError: the file records no data module or an unknown one, or the data cannot be read.
        """
        if self.data is None and custom_class is None:
            raise UserError(
                f"{self.path} does not record the data it was trained on; name its class, such as --data "
                "CirclesDataModule, or from Python use lit_classify.load(CHECKPOINT).predict(x)"
            )
        recorded = self.data or ClassSpec("", {})
        if custom_class is None and recorded.class_path not in DATA_MODULES:
            raise UserError(unknown_name("data module in the checkpoint", recorded.class_path, DATA_MODULES))
        with consistent(self.path):
            cls = custom_class or DATA_MODULES[recorded.class_path]
            return cls(**{**recorded.init_args, **(settings or {})})

    def custom_class(self, key: str, path: str | None) -> Any:  # noqa: ANN401 - a model or a data class
        """Return the class at an import path, or None for a recorded class of lit_classify.

        Raises:
            UserError: the class is not the recorded one, or a custom class is recorded and no path is given.
        """
        recorded: ClassSpec | None = getattr(self, key)
        known, base = KNOWN_CLASSES[key], LitModule if key == "model" else InMemoryDataModule
        if path is None and recorded is not None and recorded.class_path not in known:
            raise UserError(
                f"{self.path} was trained with the {key} {recorded.class_path}: a checkpoint imports only "
                f"what you name yourself; {how_to_give(f'--{key}', recorded.class_path)}"
            )
        if path is None:
            return None
        cls = known[path] if path in known else import_object(path, f"--{key}", base)
        if recorded is not None and not refers_to(recorded.class_path, cls, known):
            raise UserError(f"{self.path} is of a {recorded.class_path}, but --{key} is a {class_path(cls)}")
        return cls

    def _check_arguments(self, arguments: Mapping[str, Any]) -> None:
        """Raise UserError, which names all of them, if custom components of the model are missing."""
        missing = [name for name, value in arguments.items() if value is None and self._is_custom(name)]
        if missing:
            recorded = {name: str(self.model.init_args[name]) for name in missing}
            components = " and ".join(f"the {name} {path!r}" for name, path in recorded.items())
            raise UserError(
                f"{self.path} was trained with {components}: a checkpoint imports only what you name "
                "yourself; "
                f"{' and '.join(how_to_give(f'--model.{name}', path) for name, path in recorded.items())}"
            )

    def _is_custom(self, name: str) -> bool:
        """Return whether the recorded network, activation or loss is a custom one."""
        recorded = self.model.init_args.get(name)
        return recorded is not None and recorded not in NAMED_CLASSES.get(name, {})

    def _custom_component(self, name: str, value: Any) -> Any:  # noqa: ANN401 - a path, a class or an instance
        """Return a custom network or activation, imported if its path is given.

        Raises:
            UserError: it differs from the recorded one.
        """
        if value is None:
            return None
        recorded, known = self.model.init_args.get(name), NAMED_CLASSES.get(name, {})
        custom = import_object(value, f"--model.{name}") if isinstance(value, str) and "." in value else value
        cls = type(custom) if name == "network" and isinstance(custom, nn.Module) else custom
        if not (value == recorded or refers_to(recorded, cls, known)):
            raise UserError(f"{self.path} was trained with the {name} {recorded!r}, not {plain(value)!r}")
        return custom

    def _loss(self, loss: Loss | None) -> Loss | None:
        """Return the loss; a missing custom loss is replaced by one that raises an error when computed."""
        recorded = self.model.init_args.get("loss")
        if loss is not None:
            custom: Loss = self._custom_component("loss", loss)
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
        checked = {name for name, _ in [*module.named_parameters(), *module.named_buffers(recurse=False)]}
        recorded_dtypes: dict[torch.dtype, torch.dtype] = {}  # a precision applies to all weights
        for name, weight in weights.items():
            shape, dtype = expected[name].shape, expected[name].dtype
            if weight.shape != shape:
                raise UserError(f"{mismatch}: {name} has the shape {tuple(weight.shape)}, not {tuple(shape)}")
            may_differ = dtype.is_floating_point and weight.is_floating_point()
            required = recorded_dtypes.setdefault(dtype, weight.dtype) if may_differ else dtype
            if weight.dtype != required:
                raise UserError(f"{mismatch}: {name} has the dtype {weight.dtype}, not {required}")
            if name in checked and weight.is_floating_point() and not bool(weight.isfinite().all()):
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

    def check_options(self, key: str, options: Iterable[str]) -> None:
        """Raise UserError if an option is not one of the class that the file records."""
        recorded: ClassSpec | None = getattr(self, key)
        cls = KNOWN_CLASSES[key].get(recorded.class_path) if recorded else None
        for name in options:
            if cls and name not in constructor_parameters(cls):
                raise UserError(f"--{key}.{name} is not an option of the checkpoint's {cls.__name__}")

    def check_settings(self, key: str, settings: Mapping[str, Any]) -> None:
        """Compare settings with the recorded ones; those that the file does not record are ignored.

        Raises:
            UserError: a setting differs; names both values.
        """
        recorded: ClassSpec | None = getattr(self, key)
        for name, value in settings.items():
            expected = recorded.init_args.get(name, value) if recorded else value
            if expected not in (value, f"{value}()"):  # an instance of the class
                argument = expected if isinstance(expected, str) else json.dumps(expected, default=str)
                change = f"{key}.{name} is {expected!r} in {self.path}, but {value!r} was given"
                advice = f"add --{key}.{name} {shlex.quote(argument)}"
                if isinstance(expected, str) and expected.endswith(")"):  # which no option can name
                    advice = "give it from Python"
                raise UserError(f"{change}; {advice}, or retrain from scratch")


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
