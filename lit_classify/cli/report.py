"""``lit-classify report``: one page about finished runs."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lit_classify.atomic_write import write_all
from lit_classify.checkpoints.custom_classes import CustomClasses
from lit_classify.cli.argument_parser import add_custom_classes, add_data_options, data_settings, parser
from lit_classify.cli.output_files import check_output, output_format
from lit_classify.cli.warning_filters import filter_warnings
from lit_classify.messages import echo
from lit_classify.report.html import render_html
from lit_classify.report.markdown import render_markdown
from lit_classify.report.summary import summarize

FORMATS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "html": render_html,
    "md": render_markdown,
    "json": lambda summary: json.dumps(summary, indent=1, ensure_ascii=False, allow_nan=False) + "\n",
}


def main(arguments: list[str]) -> int:
    """Write a report of runs as HTML, Markdown or JSON."""
    options = parser(
        "report",
        "Write one self-contained page about finished runs: metrics with intervals, curves, a replay "
        "of the training on two-dimensional data, and a form to try other values of a table.",
    )
    options.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help="directory of a run, or a checkpoint; best or last for the newest",
    )
    options.add_argument("--out", help="output file (default: report.html, report.md or report.json)")
    options.add_argument("--format", choices=sorted(FORMATS), help="format (default: by the ending of --out)")
    options.add_argument(
        "--no_rows", action="store_true", help="leave out raw rows, points and rare categories of the data"
    )
    options.add_argument("--overwrite", action="store_true", help="overwrite an existing file")
    add_custom_classes(options)
    add_data_options(options, "the table, if it has moved or was a DataFrame")
    args = options.parse_args(arguments[1:])
    out = Path(args.out or f"report.{args.format or 'html'}")
    check_output(out, args.overwrite)
    format_ = output_format(out, args.format, FORMATS)
    filter_warnings()
    summary = summarize(args.runs, not args.no_rows, CustomClasses.of(args), data_settings(args))
    write_all({out: FORMATS[format_](summary).encode()})
    echo(f"Report: {out}")
    return 0
