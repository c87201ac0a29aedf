"""``lit-classify compare``: train configurations with many seeds, and test their differences."""

import signal
from argparse import RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from lit_classify import recipes, signals
from lit_classify.atomic_write import write_all
from lit_classify.checkpoints.search import find_checkpoint
from lit_classify.cli.argument_parser import parser
from lit_classify.cli.compare_configurations import prepare
from lit_classify.cli.compare_training import chunks, train_at_once, train_sequentially
from lit_classify.cli.output_files import check_output, output_format
from lit_classify.cli.warning_filters import filter_warnings
from lit_classify.errors import UserError, check_at_least, check_path
from lit_classify.messages import closest, echo, echo_once, format_metric, plural, terminal_width
from lit_classify.report.comparison import Configuration, summarize_comparison
from lit_classify.report.comparison_formats import comparison_csv, comparison_json, comparison_lines
from lit_classify.report.comparison_page import comparison_page
from lit_classify.threads import flush_denormals

DESCRIPTION = """\
Train recipes, configurations or finished runs from scratch, with the same
seeds, and compare the metric of their task. Runs of one shape are trained at
once, as members of one network; others are trained one by one, as fit does. A
seed changes the initial weights; data, split and the order of batches stay the
same (--data.random_state). Further options are those of fit, and apply to all
configurations, such as --trainer.max_epochs 100."""
EPILOG = """\
examples:
  lit-classify compare circles_v0 circles_v1 circles_v2 --out compare.html
  lit-classify compare circles_v2 --vary model.lr=0.01,0.1,1 --seeds 50
  lit-classify compare moons spirals --vary "model.hidden=[10],[10,10]"
  lit-classify compare lightning_logs/moons/version_0 own.yaml"""
_OWN_OPTIONS = {"--seeds", "--first_seed", "--vary", "--out", "--format"}
_OWN_FLAGS = {"--overwrite", "--help", "-h"}
FLAGS = {*_OWN_FLAGS, "--find_lr", "--report"}  # which take no value
_FIXED = {  # options of fit that compare sets
    "config": "name the configuration without --config",
    "seed_everything": "use --first_seed and --seeds",
    "ckpt_path": "name the run, which is trained from scratch",
    "plots": "plots are in the page of --out",
    "print_config": "use it with lit-classify fit",
    "report": "use --out compare.html",
    "trainer.logger": "nothing is logged",
    "trainer.default_root_dir": "no runs are saved",
}
_MAX_CONFIGURATIONS, _MAX_SEEDS = 100, 10_000
FORMATS: dict[str, Callable[[Mapping[str, Any], Sequence[Configuration]], bytes]] = {
    "html": comparison_page,
    "csv": lambda summary, _: comparison_csv(summary),
    "json": lambda summary, _: comparison_json(summary),
}


class _Varied(NamedTuple):
    key: str
    values: list[str]


def main(arguments: list[str]) -> int:
    """Train, print the table and the tests, and write the page."""
    own_arguments, fit_options = _split_arguments(arguments[1:])
    options = parser("compare", DESCRIPTION, epilog=EPILOG, formatter_class=RawDescriptionHelpFormatter)
    options.add_argument(
        "sources", nargs="+", metavar="WHAT", help="a recipe, a YAML file, or the directory of a run"
    )
    options.add_argument("--seeds", type=int, default=20, help="number of seeds (default: 20)")
    options.add_argument("--first_seed", type=int, default=42, help="the others follow (default: 42)")
    options.add_argument(
        "--vary",
        action="append",
        default=[],
        metavar="KEY=V1,V2",
        help="values of an option of fit; given several times, all combinations are compared",
    )
    options.add_argument("--out", help="write a page (.html), table (.csv) or all results (.json)")
    options.add_argument("--format", choices=sorted(FORMATS), help="format (default: by the ending of --out)")
    options.add_argument("--overwrite", action="store_true", help="overwrite an existing file")
    args = options.parse_args(own_arguments)
    check_at_least("seeds", args.seeds, 1)
    check_at_least("first_seed", args.first_seed, 0)
    if args.seeds > _MAX_SEEDS:
        raise UserError(f"seeds must be at most {_MAX_SEEDS:,}, but is {args.seeds:,}")
    out, format_ = Path(args.out) if args.out else None, "html"
    if out is not None:
        check_output(out, args.overwrite)
        format_ = output_format(out, args.format, FORMATS)
    elif args.format is not None:
        raise UserError(f"--format {args.format} needs --out FILE")
    variants = dict(_variants(args.sources, [_parse_varied(setting) for setting in args.vary]))
    if args.seeds == 1 and len(variants) == 1:
        raise UserError("one configuration with one seed is nothing to compare; increase --seeds, or use fit")
    filter_warnings()
    with flush_denormals():
        configurations = [prepare(name, [*variant, *fit_options]) for name, variant in variants.items()]
        _check_metrics(configurations)
        seeds = _seeds(args.first_seed, args.seeds, configurations)
        with signals.continuing_after_interrupt():
            is_complete = _train(configurations, seeds)
            if finished := [config for config in configurations if config.runs]:
                summary = summarize_comparison(finished, seeds)
                echo("\n".join(comparison_lines(summary, terminal_width())))
                if out is not None:
                    write_all({out: FORMATS[format_](summary, finished)})
                    echo(f"\nWritten: {out}")
    if not is_complete:
        signals.terminate(signal.SIGINT)
    return 0


def _seeds(first: int, count: int, configurations: Sequence[Configuration]) -> range:
    """Return the seeds, far enough from each other that no two runs share a member.

    Member k of a run has the seed of the run plus k.

    Raises:
        UserError: a seed is too large.
    """
    step = max(config.members for config in configurations)
    last = first + count * step - 1
    if last >= 2**32:
        raise UserError(f"seeds must be below {2**32}, but the last one is {last}")
    return range(first, last + 1, step)


def _train(configurations: Sequence[Configuration], seeds: Sequence[int]) -> bool:
    """Train all configurations, and return whether this was completed, and not interrupted by Ctrl-C."""
    try:
        _train_groups(configurations, seeds)
    except KeyboardInterrupt:
        return False
    return True


def _train_groups(configurations: Sequence[Configuration], seeds: Sequence[int]) -> None:
    """Train all configurations, several at once if possible, and print the progress on standard error."""
    groups: dict[str, list[Configuration]] = {}
    for config in configurations:
        key = config.name if config.sequential_reason else config.same_training_key
        groups.setdefault(key, []).append(config)
    for number, group in enumerate(groups.values(), 1):
        names = ", ".join(config.name for config in group)
        step = f"[{number}/{len(groups)}] {names}: {plural(len(seeds), 'seed')}"
        if reason := group[0].sequential_reason:
            echo_once(f"{step}, one by one: {reason}")
            _train_one_by_one(group[0], seeds)
            continue
        for chunk in chunks(group, seeds):
            if len(chunk) * len(group) > 1:
                echo_once(f"{step} at once")
                train_at_once(group, chunk)
            else:
                echo_once(f"{step}, one by one")
                _train_one_by_one(group[0], chunk)


def _train_one_by_one(config: Configuration, seeds: Sequence[int]) -> None:
    """Train a configuration with each seed, and print its metric."""
    for seed in seeds:
        train_sequentially(config, seed)
        metric = config.runs[-1].metric
        result = "diverged" if metric is None else f"{config.metric} {format_metric(metric, 4)}"
        echo_once(f"  seed {seed}: {result}")


def _split_arguments(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the arguments of compare, and the options of fit.

    An argument after an option is its value, unless the option takes none or it is an option too.

    Raises:
        UserError: an option of fit that compare sets.
    """
    own_arguments: list[str] = []
    fit_options: list[str] = []
    remaining = list(arguments)
    while remaining:
        argument = remaining.pop(0)
        name, has_value, _ = argument.partition("=")
        is_own = not argument.startswith("-") or name in _OWN_FLAGS or name in _OWN_OPTIONS
        if not is_own:
            _check_option(name)
        destination = own_arguments if is_own else fit_options
        destination.append(argument)
        takes_value = argument.startswith("-") and not has_value and name not in FLAGS
        if takes_value and remaining and not remaining[0].startswith("--"):
            destination.append(remaining.pop(0))
    return own_arguments, fit_options


def _check_option(name: str) -> None:
    """Raise UserError for an option of fit that compare sets, or for a misspelt one of compare."""
    key = name.lstrip("-")
    key = {"c": "config"}.get(key, key)
    if key in _FIXED:
        raise UserError(f"{name} is not an option of compare: {_FIXED[key]}")
    guess = None if "." in name else closest(name, _OWN_OPTIONS | _OWN_FLAGS, cutoff=0.75)
    if guess is not None:
        raise UserError(f"unknown option {name}: did you mean {guess}?")


def _parse_varied(text: str) -> _Varied:
    """Parse ``KEY=V1,V2``; commas in brackets and quotes do not separate.

    Raises:
        UserError: there is no key, no value, or a value occurs twice.

    Examples:
        >>> _parse_varied("model.hidden=[10],[10,10]")
        _Varied(key='model.hidden', values=['[10]', '[10,10]'])
    """
    key, separator, value_text = text.removeprefix("--").partition("=")
    values = [value.strip() for value in split_values(value_text)]
    if not separator or not key or not all(values):
        raise UserError(f"--vary {text!r} must be KEY=V1,V2, such as model.lr=0.01,0.1")
    _check_option(f"--{key}")
    for index, value in enumerate(values):
        if value in values[:index]:
            raise UserError(f"--vary {key} has the value {value} twice")
    return _Varied(key, values)


def split_values(text: str) -> list[str]:
    """Split at commas outside of brackets and quotes.

    Examples:
        >>> split_values("[10],[10, 10],'a,b',{x: [1, 2]}")
        ['[10]', '[10, 10]', "'a,b'", '{x: [1, 2]}']
    """
    values, depth, quote = [""], 0, ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        depth += (character in "[{(") - (character in "]})") if not quote else 0
        if character == "," and not depth and not quote:
            values.append("")
        else:
            values[-1] += character
    return values


def _variants(sources: Sequence[str], varied: Sequence[_Varied]) -> Iterator[tuple[str, list[str]]]:
    """Yield the name of each configuration and its options of fit.

    Raises:
        UserError: a configuration does not exist or is given twice, or there are too many.
    """
    keys = [setting.key for setting in varied]
    for label, names in (("configuration", list(sources)), ("--vary", keys)):
        for index, name in enumerate(names):
            if name in names[:index]:
                raise UserError(f"{label} {name} is given twice")
    combinations = list(product(*(setting.values for setting in varied)))
    if len(sources) * len(combinations) > _MAX_CONFIGURATIONS:
        count = len(sources) * len(combinations)
        raise UserError(f"{count} configurations are too many to compare, at most {_MAX_CONFIGURATIONS}")
    for source in sources:
        path = _find(source)
        for values in combinations:
            options = [f"--{key}={value}" for key, value in zip(keys, values, strict=True)]
            labels = [f"{key.rpartition('.')[2]}={value}" for key, value in zip(keys, values, strict=True)]
            yield " ".join([source, *labels]), ["--config", path, *options]


def _find(source: str) -> str:
    """Return the name of a recipe, or the path of a configuration; that of a run is in its directory.

    Raises:
        UserError: there is none.
    """
    check_path(source)
    path = Path(source)
    if path.suffix == ".ckpt" or source in {"best", "last"}:
        path = Path(find_checkpoint(source)).parent.parent
    elif not path.is_dir():
        recipes.read(source)
        return source
    if not (path / "config.yaml").is_file():
        example = "lightning_logs/circles_v2/version_0"
        raise UserError(f"{source} has no config.yaml: give the directory of a run, such as {example}")
    return str(path / "config.yaml")


def _check_metrics(configurations: Sequence[Configuration]) -> None:
    """Raise UserError if configurations have different metrics."""
    by_metric = {config.metric: config.name for config in reversed(configurations)}
    if len(by_metric) > 1:
        metrics = " and ".join(f"{name} has {metric}" for metric, name in reversed(by_metric.items()))
        raise UserError(f"configurations of different tasks cannot be compared: {metrics}")
