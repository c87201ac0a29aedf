"""Find and read recipes, packaged ones and YAML files of users; imports no torch."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml

from lit_classify import safe_yaml
from lit_classify.errors import UserError, check_local_path, check_path
from lit_classify.messages import unknown_name

_FOLDER = files("lit_classify.recipes")
_BAD = _FOLDER / "bad"
_COURSE = ("circles_v0", "circles_v1", "circles_v2", "line", "blobs")  # in the order of the course page


def names() -> list[str]:
    """Return the names of all packaged recipes but the bad ones, those of the course page first.

    Examples:
        >>> names()[:5]
        ['circles_v0', 'circles_v1', 'circles_v2', 'line', 'blobs']
    """
    return [*_COURSE, *sorted(_packaged(_FOLDER).difference(_COURSE))]


def bad_names() -> list[str]:
    """Return the names of the packaged recipes that fail, each for a reason that ``diagnose`` finds.

    Examples:
        >>> bad_names()[:2]
        ['bad_batch', 'bad_dead']
    """
    return sorted(_packaged(_BAD))


def _packaged(folder: Traversable) -> set[str]:
    return {path.name.removesuffix(".yaml") for path in folder.iterdir() if path.name.endswith(".yaml")}


def find(name: str) -> Path:
    """Return the path of a recipe: an existing file of that name, else the packaged recipe.

    Raises:
        UserError: there is neither; suggests the closest recipe.

    Examples:
        >>> find("moons").name
        'moons.yaml'
    """
    if not name.strip():
        raise UserError("--config is empty: give the name of a recipe or a YAML file")
    check_path(name)
    check_local_path(name)
    path = Path(name)
    if path.is_file():
        return path
    if name in names():
        return Path(str(_FOLDER / f"{name}.yaml"))
    if name in bad_names():
        return Path(str(_BAD / f"{name}.yaml"))
    if (path / "config.yaml").is_file():
        raise UserError(f"{name} is the directory of a run; give its configuration, {path / 'config.yaml'}")
    if path.is_dir():
        raise UserError(f"{name} is a directory; give the name of a recipe or a YAML file")
    if path.suffix in {".yaml", ".yml"} or len(path.parts) > 1:
        raise UserError(f"no recipe file at {name}")
    raise UserError(unknown_name("recipe", name, names()))


def read(name: str) -> dict[str, Any]:
    """Return the content of a recipe.

    Raises:
        UserError: the recipe does not exist, or is not a YAML mapping.

    Examples:
        >>> read("moons")["data"]["class_path"]
        'MoonsDataModule'
    """
    path = find(name)
    if path.stat().st_size > 4 * safe_yaml.MAX_CHARACTERS:
        raise UserError(f"{path} is too large for a recipe; is it another kind of file?")
    try:
        content = safe_yaml.load(path.read_text(encoding="utf-8"))
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UserError(f"{path}{line} is not YAML: {error.problem}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not YAML in UTF-8: {str(error).splitlines()[0]}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} must be a mapping with keys such as 'model:' and 'data:'")
    return content
