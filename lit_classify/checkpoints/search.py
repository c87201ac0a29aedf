"""Find checkpoints: the newest intact one of a name, or one to use instead of a corrupt one."""

from collections.abc import Sequence
from pathlib import Path

from lit_classify import recipes
from lit_classify.checkpoints.io import is_intact
from lit_classify.errors import UserError, check_path
from lit_classify.messages import warn

RUNS = "lightning_logs"


def find_checkpoint(path: str, runs: Path = Path(RUNS), names: Sequence[str] = ("best", "last")) -> str:
    """Return the path of a checkpoint; ``last`` and ``best`` are the newest intact checkpoints of that name.

    A link to a checkpoint is followed.

    Args:
        path: a path, the directory of a run, or ``last`` or ``best``.
        runs: the directory to search recursively.
        names: names of the checkpoints in the directory of a run, in the order of preference.

    Raises:
        UserError: no intact checkpoint is found.

    Examples:
        >>> find_checkpoint("model.ckpt")
        'model.ckpt'
        >>> find_checkpoint("last", Path("no/such/directory"))
        Traceback (most recent call last):
            ...
        lit_classify.errors.UserError: no intact last.ckpt in no/such/directory
    """
    if not path.strip():  # such as an unset shell variable
        raise UserError("the path of the checkpoint is empty: give a file, or the directory of a run")
    check_path(path)
    if Path(path).is_dir():
        is_inner = Path(path).name == "checkpoints"
        return str(_checkpoint_of_run(Path(path).parent if is_inner else Path(path), names))
    if Path(path).is_file():
        return str(_follow(Path(path)))
    if path not in {"last", "best"}:
        return path
    checkpoint = _newest_intact(runs, path)
    warn(f"{path} is {checkpoint}")
    return checkpoint


def _follow(path: Path) -> Path:
    """Return the file that a link points to; a link inside a run is kept: its files are beside it."""
    while path.is_symlink() and path.parent.name != "checkpoints":
        path = path.parent / path.readlink()
    return path


def _checkpoint_of_run(folder: Path, names: Sequence[str]) -> Path:
    for name in names:
        if (path := folder / "checkpoints" / f"{name}.ckpt").is_file():
            return path
    if run := newest_run(folder):
        raise UserError(f"{folder} has no checkpoints; give the directory of a run, such as {run}")
    raise UserError(
        f"{folder} has no checkpoints; give the directory of a run that has; one that diverged in its first "
        "epoch has none, train it with a smaller --model.lr"
    )


def newest_run(folder: Path) -> Path | None:
    """Return the directory of the run below a directory that wrote the newest checkpoint, or None.

    Examples:
        >>> newest_run(Path("no/such/directory"))
    """
    patterns = ("*/checkpoints/*.ckpt", "*/*/checkpoints/*.ckpt")  # any directory may be given, however large
    paths = [path for pattern in patterns for path in folder.glob(pattern) if path.is_file()]
    newest = max(paths, key=lambda path: path.stat().st_mtime, default=None)
    return None if newest is None else newest.parent.parent


def _newest_intact(runs: Path, name: str) -> str:
    for candidate in _newest_first(runs, f"{name}.ckpt"):
        if is_intact(candidate):
            return str(candidate)
        warn(f"corrupt checkpoint {candidate}; using an older one")
    raise UserError(f"no intact {name}.ckpt in {runs}")


def find_run_checkpoint(name: str, runs: Path = Path(RUNS)) -> str:
    """Return the path of a checkpoint to take weights from.

    Args:
        name: its path, the directory of a run, ``last`` or ``best``, or the name of a recipe, for the best
            checkpoint of its newest run.
        runs: the directory of all runs.

    Raises:
        UserError: there is none.

    Examples:
        >>> find_run_checkpoint("blobs", Path("no/such/directory"))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        lit_classify.errors.UserError: no checkpoint at blobs, ... first: lit-classify fit --config blobs
    """
    check_path(name)
    if name in {"last", "best"} or Path(name).is_file():
        return find_checkpoint(name, runs)
    for folder in (Path(name), runs / name):
        folder = folder.parent if folder.name == "checkpoints" else folder
        if folder.is_dir():
            return _newest_intact(folder, "best")
    hint = f"; train one first: lit-classify fit --config {name}" if name in recipes.names() else ""
    raise UserError(f"no checkpoint at {name}, and no run {runs / name}{hint}")


def alternative(path: Path) -> str:
    """Return a message about the newest intact checkpoint of the same run, or of other runs beside it."""
    if path.parent.name != "checkpoints":  # not in a run: an arbitrary directory would be searched
        return ""
    for folder in (path.parent.parent, path.parent.parent.parent):
        for candidate in _newest_first(folder, "*.ckpt"):
            if candidate != path and is_intact(candidate):
                return f"; newest valid is {candidate}"
    return ""


def _newest_first(folder: Path, name: str) -> list[Path]:
    return sorted(folder.rglob(f"checkpoints/{name}"), key=lambda path: path.stat().st_mtime, reverse=True)
