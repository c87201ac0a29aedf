"""Outputs that cannot be written are refused."""

import os
from pathlib import Path

import pytest

from lit_classify.cli.output_files import check_output, output_format
from lit_classify.errors import UserError


def test_a_directory_and_an_existing_file_are_not_accepted_as_outputs() -> None:
    Path("folder.html").mkdir()
    with pytest.raises(UserError, match=r"folder\.html is a directory"):
        check_output(Path("folder.html"), overwrite=True)
    Path("a.html").touch()
    check_output(Path("a.html"), overwrite=True)
    with pytest.raises(UserError, match=r"a\.html already exists; add --overwrite"):
        check_output(Path("a.html"), overwrite=False)


def test_a_directory_that_cannot_be_written_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("read_only").mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: path != Path("read_only") or mode != os.W_OK)
    check_output(Path("a.html"), overwrite=False)
    with pytest.raises(UserError, match=r"cannot write read_only/a\.html: Permission denied"):
        check_output(Path("read_only", "a.html"), overwrite=False)


def test_the_given_format_takes_precedence_over_the_ending() -> None:
    assert output_format(Path("a.html"), None, ("html", "md")) == "html"
    assert output_format(Path("a.html"), "md", ("html", "md")) == "md"
    with pytest.raises(UserError, match=r"a\.pdf must end in one of \.html, \.md, or add --format"):
        output_format(Path("a.pdf"), None, ("html", "md"))
