"""Import paths from every source are checked against one allow list."""

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lit_classify import allowed_imports
from lit_classify.cli.main import main
from lit_classify.errors import UserError
from tests.custom_classes import OWN_FILE

SIDE = """
from pathlib import Path
import torch
from lightning.pytorch import Callback
from lightning.pytorch.loggers import CSVLogger
Path("imported").touch()
class Net(torch.nn.Linear): ...
class Stop(Callback): ...
class Logger(CSVLogger): ...
class Model: ...
class Data: ...
def build(**kwargs): Path("called").touch()
"""


@pytest.fixture(autouse=True)
def side_file(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    Path("sidefile.py").write_text(SIDE)
    monkeypatch.setattr(sys, "path", [str(Path.cwd()), *sys.path])
    yield
    sys.modules.pop("sidefile", None)


BASE: dict[str, Any] = {
    "data": {"class_path": "CirclesDataModule"},
    "model": {"class_path": "BinaryClassifier"},
    "trainer": {"max_epochs": 1},
}


ROUTES: dict[str, dict[str, Any]] = {
    "network": {"model": {"class_path": "BinaryClassifier", "init_args": {"network": "sidefile.Net"}}},
    "function": {"model": {"class_path": "BinaryClassifier", "init_args": {"network": "sidefile.build"}}},
    "hub": {
        "model": {
            "class_path": "BinaryClassifier",
            "init_args": {
                "network": "torch.hub.load",
                "network_args": {"repo_or_dir": ".", "source": "local", "model": "x"},
            },
        }
    },
    "function of a trusted package": {
        "model": {"class_path": "BinaryClassifier", "init_args": {"network": "torch.nn.functional.linear"}}
    },
    "module behind a trusted one": {
        "model": {"class_path": "BinaryClassifier", "init_args": {"network": "torch.nn.modules.module.torch"}}
    },
    "network without a class path": {"model": {"network": "sidefile.Net"}},
    "model": {"model": {"class_path": "sidefile.Model"}},
    "data": {"data": {"class_path": "sidefile.Data"}},
    "callback": {"trainer": {"callbacks": [{"class_path": "sidefile.Stop"}]}},
    "callback by name": {"trainer": {"callbacks": "sidefile.Stop"}},
    "logger": {"trainer": {"logger": {"class_path": "sidefile.Logger", "init_args": {"save_dir": "x"}}}},
    "strategy": {"trainer": {"strategy": {"class_path": "sidefile.Model"}}},
    "profiler": {"trainer": {"profiler": {"class_path": "sidefile.Model"}}},
    "plugins": {"trainer": {"plugins": [{"class_path": "sidefile.Model"}]}},
    "optimizer": {"model": {"class_path": "BinaryClassifier", "init_args": {"optimizer": "sidefile.Model"}}},
    "scheduler": {
        "model": {"class_path": "BinaryClassifier", "init_args": {"lr_scheduler": "sidefile.Model"}}
    },
    "activation": {"model": {"class_path": "BinaryClassifier", "init_args": {"activation": "sidefile.Net"}}},
    "arguments": {
        "model": {
            "class_path": "BinaryClassifier",
            "init_args": {"optimizer_args": {"momentum": {"class_path": "sidefile.Model"}}},
        }
    },
}


@pytest.mark.reliability(13, 53)
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("command", ["fit", "verify", "plot"])
def test_a_configuration_imports_and_calls_only_names_that_were_typed(
    route: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("evil.yaml").write_text(
        yaml.safe_dump({**BASE, "recipe": {"expect": {"at_least": {}}}, **ROUTES[route]})
    )
    assert main({"fit": ["fit", "--config", "evil.yaml"]}.get(command, [command, "evil.yaml"])) == 2
    stderr = capsys.readouterr().err
    assert "Traceback" not in stderr
    assert len(stderr.splitlines()) <= 10
    assert not Path("imported").exists()
    assert not Path("called").exists()


@pytest.mark.parametrize("name", allowed_imports.NETWORK_LOGGERS)
def test_a_configuration_sends_nothing_over_the_network_unless_it_was_typed(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (
        f"lightning.pytorch.loggers.{name}",
        f"{allowed_imports.NETWORK_LOGGERS[name]}.{name}",
        name,
    ):
        Path("evil.yaml").write_text(yaml.safe_dump({**BASE, "trainer": {"logger": path}}))
        assert main(["fit", "--config", "evil.yaml"]) == 2
        stderr = capsys.readouterr().err
        assert re.search("is imported only if given on the command line|unknown trainer.logger class", stderr)
    with allowed_imports.restricted(["fit", "--trainer.logger", name]):
        assert f"{allowed_imports.NETWORK_LOGGERS[name]}.{name}" in allowed_imports.allowed()


@pytest.mark.parametrize(
    "typed",
    [
        "--trainer.callbacks sidefile.Stop",
        "--trainer.callbacks=sidefile.Stop",
        "--trainer.callbacks+=sidefile.Stop",
        "--trainer.callbacks+ sidefile.Stop",
        "--trainer.callbacks '[sidefile.Stop]'",
        "--trainer.callbacks '[{class_path: sidefile.Stop}]'",
        "--trainer.callbacks.class_path sidefile.Stop",
        "--model.network sidefile.Net",
        "--model.network=sidefile.Net",
        "--model.init_args.network sidefile.Net",
    ],
)
def test_a_typed_name_is_imported(typed: str) -> None:
    fit = ["fit", "--config", "circles_v2", "--trainer.max_epochs", "1", "--plots", "none"]
    assert main([*fit, *shlex.split(typed)]) == 0
    assert Path("imported").exists()


@pytest.mark.reliability(53)
def test_a_name_typed_in_an_earlier_command_is_not_imported_by_a_later_one() -> None:
    fit = ["fit", "--config", "circles_v2", "--trainer.max_epochs", "1", "--plots", "none"]
    assert main([*fit, "--trainer.callbacks", "sidefile.Stop"]) == 0
    Path("evil.yaml").write_text(yaml.safe_dump({**BASE, **ROUTES["callback"]}))
    assert main(["fit", "--config", "evil.yaml"]) == 2
    assert main([*fit, "--trainer.callbacks", "sidefile.Stop"]) == 0
    assert main([*fit, "--data", "lit_classify.CirclesDataModule"]) == 0
    assert main(fit) == 0  # a trusted class is still imported


def test_a_program_imports_any_name_and_the_command_line_does_not() -> None:
    with allowed_imports.restricted(["fit", "--config", "evil.yaml"]):
        with pytest.raises(UserError, match=r"if you trust it, add --model.network sidefile.build"):
            allowed_imports.import_object("sidefile.build", "--model.network")
        assert not Path("imported").exists()
    assert allowed_imports.import_object("sidefile.build", "--model.network").__name__ == "build"


def test_a_typed_module_of_the_current_directory_is_found_unless_it_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = str(Path.cwd())
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry not in {"", here}])
    with allowed_imports.restricted(["fit", "--model.network", "json.Net"]):
        assert here not in sys.path
    with allowed_imports.restricted(["fit", "--model.network", "sidefile.Net"]):
        assert sys.path[-1] == here
        assert allowed_imports.import_object("sidefile.Net", "--model.network").__name__ == "Net"
    assert here not in sys.path


FIT = ["fit", "--config", "circles_v2", "--trainer.max_epochs", "3"]


def test_a_network_in_the_current_directory_is_imported_only_if_it_is_typed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("net_of_mine.py").write_text(OWN_FILE)
    Path("own.yaml").write_text(
        "model: {class_path: BinaryClassifier, init_args: {network: net_of_mine.Net}}\n"
    )
    path = list(sys.path)
    assert main([*FIT, "--config", "own.yaml"]) == 2
    assert "is imported only if given on the command line" in capsys.readouterr().err
    assert not Path("imported").exists()
    assert main([*FIT, "--model.network", "net_of_mine.Net"]) == 0
    assert sys.path == path


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No module named 'own_file'; run in the directory of own_file, or add it to PYTHONPATH"),
        ("import no_such_package", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("raise SystemExit(0)", "own_file.Net cannot be imported: SystemExit: 0"),
    ],
)
def test_a_module_that_cannot_be_imported_is_one_message(
    content: str | None, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(".")
    if content is not None:
        Path("own_file.py").write_text(content)
    with pytest.raises(UserError) as error:
        allowed_imports.import_object("own_file.Net", "--model.network")
    assert str(error.value).endswith(message)
