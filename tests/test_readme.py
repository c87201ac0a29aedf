"""Commands, code and numbers of the README, and paths in all documents."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from lit_classify.cli.main import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def run(command: str) -> int:
    args = shlex.split(command)
    if command == "source .venv/bin/activate":  # the tests run in that environment
        return 0
    if args[0] == "lit-classify":
        try:
            return main(args[1:])
        except SystemExit as error:
            return int(error.code or 0)
    program = ROOT / args[0] if args[0].startswith("scripts/") else Path(sys.executable).parent / args[0]
    options = ["--inspect"] if args[0] == "tensorboard" else []  # without it TensorBoard would not end
    return subprocess.run([program, *args[1:], *options], check=False, timeout=500).returncode


@pytest.mark.slow
def test_every_command_of_the_readme_runs() -> None:
    heart = ["age,chol,thal,target"]
    heart += [
        f"{30 + n % 40},{200 + n % 7 if n % 9 else ''},{'abc'[n % 3]},{int(n % 40 > 20)}" for n in range(300)
    ]
    Path("heart.csv").write_text("\n".join(heart))
    commands = [line for block in blocks("bash") for line in block.splitlines()]
    assert len(commands) > 8
    for command in commands:
        assert run(command) == 0, command


(IMPROVE,) = re.findall(r"## Improve a model\n(.*?)\n## ", README, flags=re.DOTALL)


@pytest.mark.slow
def test_every_option_that_improves_a_model_is_one_of_fit() -> None:
    options = re.findall(r"^\| [^|]+ \| `(--[^`]+)` \|", IMPROVE, flags=re.MULTILINE)
    assert len(options) == 7
    fit, short = "lit-classify fit --config circles_v2 --plots none", "--trainer.max_epochs 1"
    assert run(f"{fit} {short}") == 0  # the run that --init_from names
    for option in options:
        assert run(f"{fit} {option} {short}") == 0, option


@pytest.mark.slow
def test_the_accuracies_over_seeds_are_those_of_compare() -> None:
    (base,) = re.findall(r"(\S+) ± \S+ without an option", IMPROVE)
    ((tanh, linear),) = re.findall(r"`--model.activation Tanh` \| (\S+) ± \S+; none, (\S+) ±", IMPROVE)
    assert run("lit-classify compare circles_v2 --vary model.activation=ReLU,Tanh,null --out c.json") == 0
    configurations = json.loads(Path("c.json").read_text(encoding="utf-8"))["configurations"]
    means = [configuration["mean"] for configuration in configurations]
    # the nonlinear models amplify how processors round
    assert means == pytest.approx([float(base), float(tanh), float(linear)], abs=0.06)


def test_commands_of_the_environment_follow_its_activation() -> None:
    set_up, usage, *_ = blocks("bash")
    assert set_up == "scripts/run\n"
    assert usage.startswith("source .venv/bin/activate\n")


def test_the_readme_has_at_most_150_lines() -> None:
    assert len(README.splitlines()) <= 150


@pytest.mark.parametrize(
    "document", ["README.md", ".github/ACCURACY.md", ".github/CONTRIBUTING.md", ".github/RELIABILITY.md"]
)
def test_every_path_in_a_document_exists(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    links = [(ROOT / document).parent / path for path in re.findall(r"\]\((?!http)([^)#]+)\)", text)]
    quoted = [
        ROOT / path for path in re.findall(r"`((?:lit_classify|tests|scripts|\.github|\.ci)/[^`*]*)`", text)
    ]
    assert [str(path) for path in [*links, *quoted] if not path.exists()] == []


def test_the_python_of_the_readme_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = blocks("python")
    monkeypatch.setenv("TQDM_DISABLE", "1")
    code = code.replace("max_epochs=1000", "max_epochs=5").replace("Classifier()", "Classifier(max_epochs=5)")
    exec(compile(code, "README.md", "exec"), {})


def test_the_readme_shows_real_output_and_an_image_that_exists() -> None:
    rows = [line for block in blocks("text") for line in block.splitlines() if line.startswith("Epoch")]
    recipe = (ROOT / "lit_classify/recipes/circles_v2.yaml").read_text(encoding="utf-8")
    assert rows
    assert all(row in recipe for row in rows)
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert (ROOT / picture).is_file()
