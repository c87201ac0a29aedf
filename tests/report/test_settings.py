"""The settings of runs as the report shows them."""

from lit_classify.report.settings import flat_settings


def test_settings_name_the_weights_that_a_run_starts_from_but_no_option_that_is_off() -> None:
    options = {"init_from": "a.ckpt", "find_lr": True, "tune_threshold": None, "test_best": False}
    settings = flat_settings({"model": {"init_args": {"lr": 0.1}}, **options, "plots": "none"})
    assert settings == {"model.lr": 0.1, "init_from": "a.ckpt", "find_lr": True}
