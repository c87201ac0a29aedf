"""Rules for the source files: imports, names, examples in docstrings, and output."""

import ast
import doctest
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import lit_classify
from lit_classify import data, modules

PACKAGE = Path(lit_classify.__file__).parent


FILES = sorted(PACKAGE.rglob("*.py"))


LEVELS = {
    name: level
    for level, names in enumerate(
        [
            "errors data_interface",
            "atomic_write messages safe_yaml seeds",
            "diagnosis notebook_cards signals",
            "allowed_imports recipes",
            "allocator losses networks optimizers loggers metrics serialization threads",
            "plots",
            "_lightning",
            "data modules",
            "checkpoints",
            "evaluation export",
            "model_plots",
            "callbacks",
            "report eject",
            "cli estimators",
            "__main__",
        ]
    )
    for name in names.split()
}


CROSS_CUTTING = {
    *("architecture", "fuzz", "notebooks", "packaging", "readme", "reference_loop"),
    *("reliability", "resume", "round_trip", "scale", "tensorboard", "two_processes"),
    *("untrusted_files", "untrusted_names"),
}
HEAVY = ("torch", "lightning", "sklearn", "matplotlib", "numpy", "tensorboard", "jsonargparse")


def top_level(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_modules(file: Path) -> set[str]:
    modules: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "lit_classify":
            modules |= {alias.name for alias in node.names if alias.name in LEVELS}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lit_classify."):
            modules.add((node.module or "").split(".")[1])
    return modules


def test_every_file_has_a_level() -> None:
    assert {top_level(file) for file in FILES} - {"__init__"} == set(LEVELS)


def test_every_test_file_is_named_after_a_module_or_subpackage() -> None:
    tests = Path(__file__).parent
    known = {file.relative_to(PACKAGE).with_suffix("") for file in FILES} | {Path(name) for name in LEVELS}
    known |= {Path(subject) for subject in CROSS_CUTTING}
    for file in tests.rglob("test_*.py"):
        tested = file.relative_to(tests).with_name(file.stem.removeprefix("test_"))
        assert tested in known, f"{file} has no module {tested}.py"


@pytest.mark.parametrize("file", [file for file in FILES if top_level(file) != "__init__"], ids=str)
def test_imports_go_down(file: Path) -> None:
    module = top_level(file)
    for imported in imported_modules(file) - {module}:
        assert LEVELS[imported] < LEVELS[module], f"{module} imports {imported}"


def test_data_and_modules_never_import_each_other() -> None:
    assert all("modules" not in imported_modules(file) for file in (PACKAGE / "data").rglob("*.py"))
    assert all("data" not in imported_modules(file) for file in (PACKAGE / "modules").rglob("*.py"))


def private_names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.ImportFrom) and not (node.module or "").startswith("lit_classify"):
            yield from (alias.name for alias in node.names)


def test_private_names_of_other_packages_are_used_in_lightning_alone() -> None:
    trees = {file: ast.parse(file.read_text(encoding="utf-8")) for file in FILES}
    # os._exit is documented; the version of TensorBoardLogger has no other name
    defined = {"_exit", "_version"}
    for node in (node for tree in trees.values() for node in ast.walk(tree)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            defined.add(node.attr)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            defined.add(node.target.id)
    used = {
        f"{file.relative_to(PACKAGE)}: {name}"
        for file, tree in trees.items()
        if top_level(file) != "_lightning"
        for name in private_names(tree)
        if name.startswith("_") and not name.startswith("__") and name not in defined
    }
    assert used == set()


@pytest.mark.parametrize("space", [data, modules], ids=lambda space: space.__name__)
def test_classes_are_abstract_or_final(space: object) -> None:
    classes = [value for value in vars(space).values() if inspect.isclass(value)]
    for parent in classes:
        for child in classes:
            if child is not parent and issubclass(child, parent):
                assert inspect.isabstract(parent), f"{child.__name__} extends {parent.__name__}"


def test_public_names_are_these_and_load() -> None:
    tasks = {"LitModule", "BinaryClassifier", "MulticlassClassifier", "MultilabelClassifier", "Regressor"}
    data_sets = ("Circles", "Moons", "Spirals", "Blobs", "Xor", "Gaussians", "Line", "Table")
    points = {f"{name}DataModule" for name in data_sets}
    others = {
        "MLP",
        "TensorLoader",
        "SeededDataLoader",
        "EpochLog",
        "init_from",
        "load",
        "plot_boundary",
        "plot_data",
        "plot_evaluation",
        "plot_hidden_units",
        "plot_learning_curves",
        "predict",
        "LitClassifier",
        "LitRegressor",
        "DataError",
        "UserError",
        "__version__",
    }
    assert set(lit_classify.__all__) == tasks | points | others
    for name in lit_classify.__all__:
        assert getattr(lit_classify, name) is not None


@pytest.mark.parametrize(
    "arguments", [["--version"], ["--help"], ["recipes"], ["fit", "--config", "circle_v2"], ["fti"]], ids=str
)
def test_light_commands_import_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys; from lit_classify.cli.main import main; main(sys.argv[1:]); "
        f"print('imported:', *(name for name in {HEAVY} if name in sys.modules))"
    )
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].split() == ["imported:"]


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda file: file.name)
def test_all_output_is_printed_by_the_functions_that_escape_it(file: Path) -> None:
    calls = [node.func for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.Call)]
    prints = [call for call in calls if isinstance(call, ast.Name) and call.id == "print"]
    allowed = {"messages.py": 1, "progress_bar.py": 2}  # echo itself, and the progress bar
    assert len(prints) == allowed.get(file.name, 0)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_examples_in_docstrings_fail_only_with_errors_of_the_package(file: Path) -> None:
    documented = ast.Module | ast.ClassDef | ast.FunctionDef
    nodes = [node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, documented)]
    examples = [
        example
        for node in nodes
        for example in doctest.DocTestParser().get_examples(ast.get_docstring(node) or "")
    ]
    expected = [example.exc_msg for example in examples if example.exc_msg is not None]
    assert all(message.startswith("lit_classify.errors.") for message in expected), expected
