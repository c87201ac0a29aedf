"""A comparison as lines and as CSV."""

import csv

from lit_classify.report.comparison import summarize_comparison
from lit_classify.report.comparison_formats import comparison_csv, comparison_lines
from tests.report.comparisons import configuration

HOSTILE = "=cmd\x1b[31m"


def test_the_table_and_the_tests_are_aligned_lines() -> None:
    better = [0.9 + 0.01 * seed for seed in range(6)]
    configurations = [
        configuration("a", better, settings={"model.lr": 0.1}),
        configuration("long_name", [0.5] * 6, settings={"model.lr": 0.2}),
    ]
    lines = comparison_lines(summarize_comparison(configurations, range(6)), width=100)
    assert lines[:5] == [
        "accuracy on 2 test rows, mean ± standard deviation over 6 seeds, 0 to 5",
        "",
        "configuration  what differs  parameters         accuracy    best   worst  times best  seconds",
        "a              lr=0.1                21  0.9250 ± 0.0187  0.9500  0.9000      6 of 6      0.0",
        "long_name      lr=0.2                21  0.5000 ± 0.0000  0.5000  0.5000      0 of 6      0.0",
    ]
    assert lines[6] == "a - long_name: +0.4250, significant (p = 0.031, 6 seeds)"
    assert lines[8].startswith("- Differences are tested on runs of equal seeds")


def test_a_table_fits_the_terminal_without_losing_a_name_or_a_setting() -> None:
    names = ["a", "lightning_logs/circles_v2/version_0/checkpoints/best.ckpt"]
    configurations = [
        configuration(name, [0.5, 0.6], settings={"model.lr": lr})
        for name, lr in zip(names, (0.1, 0.2), strict=True)
    ]
    lines = comparison_lines(summarize_comparison(configurations, range(2)))
    table = lines[2 : lines.index("what differs") - 1]
    assert max(map(len, table)) <= 80
    assert [line.split()[0] for line in table] == ["configuration", "a", names[1], "21"]
    assert table[1].split()[1:] == table[3].split()
    assert len(table[1]) == len(table[3])
    assert f"{names[1]}: lr=0.2" in lines


def test_long_settings_are_printed_in_full_below_the_table() -> None:
    long = "lit_classify.networks.a_network_with_a_long_name"
    configurations = [
        configuration("a", [0.5], settings={"model.activation": "Tanh", "model.network": long}),
        configuration("b", [0.5], settings={"model.activation": "ReLU", "model.network": long[:-1]}),
    ]
    lines = comparison_lines(summarize_comparison(configurations, [0]))
    assert "differs" not in lines[2]
    assert lines[6:9] == [
        "what differs",
        f"a: activation=Tanh network={long}",
        f"b: activation=ReLU network={long[:-1]}",
    ]


def test_a_setting_in_the_name_is_not_printed_again_in_another_spelling() -> None:
    configurations = [
        configuration("a lr=1e9", [0.5], settings={"model.lr": 1000000000.0}),
        configuration("a lr=0.1", [0.5], settings={"model.lr": 0.1}),
    ]
    assert "differs" not in "\n".join(comparison_lines(summarize_comparison(configurations, [0]))[:3])


def test_many_tests_are_shortened_on_a_terminal() -> None:
    configurations = [configuration(f"c{index}", [0.5, 0.6]) for index in range(6)]
    lines = comparison_lines(summarize_comparison(configurations, range(2)))
    assert "... and 5 more comparisons: see --out" in lines


def test_control_characters_in_names_are_escaped() -> None:
    configurations = [configuration(HOSTILE, [0.5], settings={"model.x": HOSTILE}), configuration("b", [0.5])]
    text = "\n".join(comparison_lines(summarize_comparison(configurations, [0])))
    assert "\x1b" not in text
    assert r"=cmd\x1b[31m" in text


def test_formulas_in_csv_are_made_harmless() -> None:
    configurations = [configuration(HOSTILE, [0.5], settings={"=x": HOSTILE}), configuration("b", [0.5])]
    lines = list(
        csv.DictReader(comparison_csv(summarize_comparison(configurations, [0])).decode().splitlines())
    )
    assert lines[0]["configuration"] == f"'{HOSTILE}"
    assert lines[0]["'=x"] == f"'{HOSTILE}"
    assert (lines[1]["mean"], lines[1]["std"]) == ("0.5", "")


def test_a_single_seed_has_no_mean_and_no_plural() -> None:
    lines = comparison_lines(summarize_comparison([configuration(name, [0.5]) for name in "ab"], [0]))
    assert lines[0] == "accuracy on 2 test rows, seed 0"
    assert any(line.startswith("a - b: ") and line.endswith("1 seed)") for line in lines)
