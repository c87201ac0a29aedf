"""The command ``compare``: its table and files, and refused arguments."""

import csv
import json
import os
import signal
from pathlib import Path

import pytest
import yaml

from lit_classify._lightning.argparse_actions import actions
from lit_classify.cli.compare import _FIXED, FLAGS, _split_arguments
from lit_classify.cli.compare_configurations import PreparedFit
from lit_classify.cli.main import main
from tests.forked import COMMAND, ForkedProgram
from tests.terminal import run_in_terminal

SHORT = ["--trainer.max_epochs", "4"]
TWO = ["compare", "circles_v0", "circles_v2", "--seeds", "2", *SHORT]


def test_the_table_has_a_line_for_each_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(TWO) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[0] == "accuracy on 200 test rows, mean ± standard deviation over 2 seeds, 42 to 43"
    assert [line.split()[0] for line in lines[3:5]] == ["circles_v0", "circles_v2"]
    assert any(line.startswith("circles_v0: hidden=[5]") for line in lines)
    assert "not significant (p = " in printed.out
    assert "With 2 seeds no difference can be significant: use --seeds 6 or more." in printed.out
    assert printed.err.count("2 seeds at once") == 2


@pytest.mark.parametrize("ending", ["html", "csv", "json"])
@pytest.mark.slow
def test_results_are_written_in_the_format_of_the_ending(ending: str) -> None:
    out = Path(f"results.{ending}")
    assert main([*TWO, "--out", str(out)]) == 0
    content = out.read_text(encoding="utf-8")
    if ending == "json":
        configurations = json.loads(content)["configurations"]
        assert [run["seed"] for run in configurations[0]["runs"]] == [42, 43]
        assert configurations[1]["curves"]["train/loss"]["epoch"] == [0, 1, 2, 3]
    elif ending == "csv":
        assert [line["configuration"] for line in csv.DictReader(content.splitlines())] == TWO[1:3]
    else:
        assert content.count("<figure") == 5  # two predictions, three curves
    assert not Path("lightning_logs").exists()
    assert main([*TWO, "--out", str(out)]) == 2


@pytest.mark.slow
def test_a_grid_has_all_combinations(capsys: pytest.CaptureFixture[str]) -> None:
    varied = ["--vary", "model.lr=0.01,0.1", "--vary", "model.hidden=[5],[4,4]"]
    assert main(["compare", "circles_v2", *varied, "--seeds", "2", *SHORT, "--out", "grid.json"]) == 0
    configurations = json.loads(Path("grid.json").read_text())["configurations"]
    assert [configuration["name"] for configuration in configurations] == [
        "circles_v2 lr=0.01 hidden=[5]",
        "circles_v2 lr=0.01 hidden=[4,4]",
        "circles_v2 lr=0.1 hidden=[5]",
        "circles_v2 lr=0.1 hidden=[4,4]",
    ]
    assert configurations[3]["differs"] == {"model.lr": 0.1, "model.hidden": "[4, 4]"}
    assert capsys.readouterr().err.count("at once") == 2  # rates of one shape together


@pytest.mark.slow
def test_a_finished_run_is_trained_from_scratch_with_its_settings() -> None:
    assert main(["fit", "--config", "moons", "--model.lr", "0.03", "--plots", "none", *SHORT]) == 0
    run = "lightning_logs/moons/version_0"
    for source in (run, f"{run}/checkpoints/best.ckpt", "last"):
        assert (
            main(["compare", source, "moons", *SHORT, "--seeds", "2", "--out", "r.json", "--overwrite"]) == 0
        )
        retrained, recipe = json.loads(Path("r.json").read_text())["configurations"]
        assert retrained["differs"]["model.lr"] == 0.03
        assert retrained["runs"] != recipe["runs"]
    assert sorted(path.name for path in Path("lightning_logs/moons").iterdir()) == ["version_0"]


@pytest.mark.slow
def test_a_resumed_run_is_trained_from_the_start() -> None:
    fit = ["fit", "--config", "moons", "--plots", "none"]
    assert main([*fit, "--trainer.max_epochs", "2"]) == 0
    assert main([*fit, "--trainer.max_epochs", "4", "--ckpt_path", "last"]) == 0
    options = ["--seeds", "2", "--out", "r.json"]
    assert main(["compare", "lightning_logs/moons/version_1", "moons", *SHORT, *options]) == 0
    first, second = json.loads(Path("r.json").read_text())["configurations"]
    assert first["runs"] == second["runs"]


@pytest.mark.slow
def test_a_table_that_has_not_been_named_a_split_keeps_it_for_all_seeds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("t.csv").write_text(
        "\n".join(["a,b,y", *(f"{n % 7},{n % 5},{'no' if n % 3 else 'yes'}" for n in range(60))])
    )
    Path("t.yaml").write_text(
        yaml.safe_dump(
            {
                "data": {"class_path": "TableDataModule", "init_args": {"path": "t.csv", "target": "y"}},
                "model": {"class_path": "AutoModule", "init_args": {"hidden": [4]}},
            }
        )
    )
    vary = ["--vary", "model.dropout=0,0.5"]
    assert main(["compare", "t.yaml", *vary, "--seeds", "2", "--trainer.max_epochs", "2"]) == 0
    printed = capsys.readouterr()
    assert "different rows" not in printed.out
    assert "dropout=0.5: trained one by one, the network draws random numbers" in printed.out
    assert printed.err.count("seed 4") == 2


@pytest.mark.parametrize("activation", ["ReLU", "RReLU"], ids=["at once", "alone"])
def test_diverged_runs_are_written_without_metrics(activation: str) -> None:
    options = ["--vary", "model.lr=0.1,1e25", "--seeds", "2", "--model.activation", activation, *SHORT]
    assert main(["compare", "circles_v2", *options, "--out", "r.json"]) == 0
    first, second = json.loads(Path("r.json").read_text())["configurations"]
    assert first["mean"] is not None
    assert [(run["metric"], run["loss"]) for run in second["runs"]] == [(None, None)] * 2
    assert [run["diverged_in"] for run in second["runs"]] == [1, 1]
    assert second["seconds"] > 0


def test_runs_of_several_members_share_none_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    short = ["--seeds", "2", "--trainer.max_epochs", "1"]
    assert main(["compare", "circles_v2", "--vary", "model.members=1,3", *short]) == 0
    printed = capsys.readouterr()
    assert "over 2 seeds, 42 to 45" in printed.out
    assert "The seeds are 3 apart" in printed.out


def test_all_options_of_fit_without_a_value_are_known() -> None:
    cli = PreparedFit(["fit", "--config", "circles_v2", "--plots", "none"])
    options = [action.option_strings for action in actions(cli.parser) if action.nargs == 0]
    assert {name for names in options for name in names} <= FLAGS


def test_no_option_of_fit_is_taken_for_a_misspelt_one() -> None:
    cli = PreparedFit(["fit", "--config", "circles_v2", "--plots", "none"])
    names = {name for action in actions(cli.parser) for name in action.option_strings}
    for name in names - {"-h", "--help", "-c", *(f"--{key}" for key in _FIXED)}:
        assert _split_arguments([f"{name}=1"]) == ([], [f"{name}=1"])


USER_ERRORS = [
    (["circles_v2", "--num_seeds", "3"], "unknown option --num_seeds: did you mean --seeds?"),
    (["circles_v2", "--overwite"], "unknown option --overwite: did you mean --overwrite?"),
    (["circle_v2"], "unknown recipe 'circle_v2': did you mean 'circles_v2'?"),
    ([], "the following arguments are required: WHAT"),
    (["circles_v2", "--seeds", "1"], "one configuration with one seed is nothing to compare"),
    (["circles_v2", "--seeds", "0"], "seeds must be at least 1, but is 0"),
    (["circles_v2", "--find_lr", "--seeds", "1"], "one configuration with one seed is nothing to compare"),
    (["--find_lr", "circles_v2", "--seeds", "1"], "one configuration with one seed is nothing to compare"),
    (
        ["circles_v2", "--print_config"],
        "not an option of compare: use it with lit-classify fit",
    ),
    (["circles_v2", "--seeds", "1000000000"], "seeds must be at most 10,000, but is 1,000,000,000"),
    (["circles_v2", "--seeds", "many"], "argument --seeds: invalid int value: 'many'"),
    (["circles_v2", "--first_seed", "-1"], "first_seed must be at least 0"),
    (["circles_v2", "--first_seed", "4294967290"], "seeds must be below 4294967296"),
    (["circles_v2", "--vary", "model.lr"], "--vary 'model.lr' must be KEY=V1,V2, such as model.lr=0.01,0.1"),
    (["circles_v2", "--vary", "model.lr="], "must be KEY=V1,V2"),
    (["circles_v2", "--vary", "model.lr=0.1,"], "must be KEY=V1,V2"),
    (["circles_v2", "--vary", "model.lr=0.1,0.1"], "--vary model.lr has the value 0.1 twice"),
    (["circles_v2", "--vary", "model.lr=1", "--vary", "model.lr=2"], "--vary model.lr is given twice"),
    (["circles_v2", "--vary", "model.learning_rate=1,2"], "did you mean --model.lr?"),
    (["circles_v2", "--vary", "lr=1,2"], "did you mean --model.lr?"),
    (["circles_v2", "--vary", "model.lr=fast,slow"], "--model.lr: expected float, but got 'fast'"),
    (["circles_v2", "--vary", "seed_everything=1,2"], "use --first_seed and --seeds"),
    (["circles_v2", "circles_v2"], "configuration circles_v2 is given twice"),
    (
        ["circles_v2", "line"],
        "of different tasks cannot be compared: circles_v2 has accuracy and line has mae",
    ),
    (["circles_v2", "--model.hiden", "[5]"], "did you mean --model.hidden?"),
    (["circles_v2", "--ckpt_path", "last"], "--ckpt_path is not an option of compare"),
    (["circles_v2", "--config", "moons"], "name the configuration without --config"),
    (["circles_v2", "--out", "results.pdf"], "must end in one of .csv, .html, .json, or add --format"),
    (["circles_v2", "--out", "no/such/page.html"], "no directory no/such"),
    (["circles_v2", "--out", "."], ". is a directory"),
    (["circles_v2", "--out", "exists.html"], "exists.html already exists; add --overwrite"),
    (["circles_v2", "--format", "csv"], "--format csv needs --out FILE"),
    (["no/such/run"], "no recipe file at no/such/run"),
    (["empty"], "empty has no config.yaml"),
    (
        ["circles_v2", "--vary", f"model.lr={','.join(map(str, range(1, 102)))}"],
        "101 configurations are too many",
    ),
]


@pytest.mark.parametrize(("arguments", "message"), USER_ERRORS, ids=lambda value: " ".join(value)[:60])
def test_mistakes_are_reported_before_anything_is_trained(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("exists.html").touch()
    Path("empty").mkdir()
    assert main(["compare", *arguments]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.out == ""


def test_custom_classes_of_a_configuration_must_be_named_on_the_command_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("own.yaml").write_text("data: {class_path: CirclesDataModule}\nmodel: {class_path: os.system}\n")
    assert main(["compare", "own.yaml"]) == 2
    assert "os.system is imported only if given on the command line" in capsys.readouterr().err


@pytest.mark.slow
def test_a_full_disk_is_reported_after_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    limit = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
    )
    process = ForkedProgram(limit + COMMAND, *TWO, "--out", "r.json")
    stdout, stderr = process.communicate()
    assert process.returncode == 2
    assert "cannot write r.json: File too large" in stderr
    assert "circles_v2" in stdout
    assert list(Path().iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs a terminal")
def test_a_terminal_shows_the_progress_of_each_group() -> None:
    printed, _ = run_in_terminal(
        "compare", "circles_v0", "moons", "--seeds", "2", "--trainer.max_epochs", "200"
    )
    for step in ("[1/2] circles_v0: 2 seeds at once", "[2/2] moons: 2 seeds at once"):
        assert "/200 epochs [" in printed.partition(step)[2]
    assert "Epoch: 0" not in printed


CONFIGURATION = """
data: {{class_path: CirclesDataModule}}
model: {{class_path: BinaryClassifier, init_args: {{dropout: {dropout}}}}}
trainer: {{max_epochs: {epochs}}}
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs signals")
@pytest.mark.parametrize(
    ("dropout", "epochs", "progress"),
    [(0, 1_000_000, "[2/2]"), (0.1, 4, "  seed 43")],
    ids=["at once", "alone"],
)
def test_ctrl_c_keeps_the_finished_runs(dropout: float, epochs: int, progress: str) -> None:
    Path("first.yaml").write_text(CONFIGURATION.format(dropout=0, epochs=4))
    Path("second.yaml").write_text(CONFIGURATION.format(dropout=dropout, epochs=epochs))
    arguments = ["compare", "first.yaml", "second.yaml", "--seeds", "100", "--out", "page.html"]
    process = ForkedProgram(COMMAND, *arguments)
    for line in process.stderr:
        if line.startswith(progress):
            break
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in error
    assert out.splitlines()[3].startswith("first.yaml")
    assert ("second.yaml: interrupted after" in out) is bool(dropout)
    assert ("second.yaml" in out) is bool(dropout)
    assert Path("page.html").stat().st_size > 10_000


@pytest.mark.slow
def test_a_run_in_another_precision_is_shown_on_the_page() -> None:
    options = ["--seeds", "2", "--trainer.max_epochs", "1", "--trainer.precision", "64"]
    assert main(["compare", "circles_v2", *options, "--out", "compare.html"]) == 0
