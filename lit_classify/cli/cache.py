"""``lit-classify cache``: list and delete the caches of tables larger than the memory."""

from pathlib import Path

from lit_classify.cli.argument_parser import parser
from lit_classify.data.memory import format_size
from lit_classify.data.table.streaming.cache import Entry, default_directory, find_tables
from lit_classify.errors import UserError, check_path
from lit_classify.messages import echo, escape_control, plural, unknown_name


def main(arguments: list[str]) -> int:
    """Print each table, its size and its files; delete all or some of them."""
    options = parser("cache", "List the caches of tables larger than the memory, or delete them.")
    options.add_argument("names", nargs="*", help="the tables; all by default")
    options.add_argument("--cache_dir", help="their directory; ~/.cache/lit_classify by default")
    options.add_argument("--delete", action="store_true", help="delete them; a run builds its own again")
    args = options.parse_args(arguments[1:])
    directory = default_directory() if args.cache_dir is None else Path(args.cache_dir)
    check_path(directory)
    if args.cache_dir is not None and not (args.cache_dir and directory.is_dir()):
        raise UserError(f"no cache in {args.cache_dir!r}, which is not a directory")
    entries = find_tables(directory)
    names = {entry.cached.name for entry in entries}
    if unknown := [name for name in args.names if name not in names]:
        raise UserError(unknown_name("cache", unknown[0], names) if names else f"no cache in {directory}")
    chosen = [entry for entry in entries if not args.names or entry.cached.name in args.names]
    for entry in chosen:
        echo(_line(entry))
    size = format_size(sum(entry.num_bytes for entry in chosen))
    total = f"{plural(len(chosen), 'cache')} in {directory}, {size}"
    if args.delete:
        for cached in {entry.cached for entry in chosen}:
            cached.delete()
        total += ", deleted"
    echo(total)
    return 0


def _line(entry: Entry) -> str:
    state = "" if entry.is_complete else ", not complete: the next run continues it"
    name, files = (escape_control(text, is_name=True) for text in (entry.cached.name, ", ".join(entry.paths)))
    return f"{name}  {format_size(entry.num_bytes)}, {plural(entry.num_rows, 'row')} of {files}{state}"
