"""Contract: a string for an argument that may be a callable is written so that it is read back."""

from collections.abc import Callable

import yaml
from jsonargparse import ArgumentParser

from lit_classify._lightning.string_arguments import write_strings


def test_a_string_is_written_as_it_is_and_a_function_as_its_path() -> None:
    write_strings()
    parser = ArgumentParser()
    parser.add_argument("--fn", type=Callable | str)
    for argument in ("l1_unstructured", "os.path.join"):
        written = parser.dump(parser.parse_args(["--fn", argument]))
        assert yaml.safe_load(written) == {"fn": argument}
