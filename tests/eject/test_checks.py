"""Options that a script does not reproduce are refused by name, also those that nobody knows yet."""

import pytest

from lit_classify import CirclesDataModule
from lit_classify.eject.checks import check_arguments, check_fit
from lit_classify.errors import UserError

PLAIN = {"seed_everything": 42, "trainer": {"max_epochs": 10}}


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({**PLAIN, "new_option": "value"}, "--new_option 'value'"),
        ({**PLAIN, "seed_everything": True}, "--seed_everything 42"),
        ({**PLAIN, "trainer": {"accumulate_grad_batches": 2}}, "--trainer.accumulate_grad_batches 2"),
        ({**PLAIN, "trainer": {"devices": 2}}, "--trainer.devices 2"),
        ({**PLAIN, "trainer": {"accelerator": "tpu"}}, "--trainer.accelerator 'tpu'"),
        ({**PLAIN, "trainer": {"callbacks": [{"class_path": "EarlyStopping"}]}}, "--trainer.callbacks"),
        ({**PLAIN, "trainer": {"callbacks": {"class_path": "EarlyStopping"}}}, "--trainer.callbacks"),
        ({**PLAIN, "trainer": {"inference_mode": False}}, "--trainer.inference_mode False"),
        ({**PLAIN, "trainer": {"unheard_of": 1}}, "--trainer.unheard_of 1"),
    ],
    ids=str,
)
def test_an_option_that_changes_the_epoch_log_is_refused(config: dict[str, object], named: str) -> None:
    with pytest.raises(UserError) as error:
        check_fit(config)
    assert named in str(error.value)


def test_options_without_effect_on_the_epoch_log_are_accepted() -> None:
    silent = {"logger": False, "default_root_dir": "runs", "enable_progress_bar": True, "devices": 1}
    check_fit({**PLAIN, "plots": "all", "report": True, "trainer": {"max_epochs": 10, **silent}})


def test_a_new_argument_of_the_data_is_refused_unless_it_has_its_default() -> None:
    class Tilted(CirclesDataModule):
        def __init__(self, tilt: float = 0.5, **kwargs: object) -> None:
            super().__init__(**kwargs)  # type: ignore[arg-type]  # arguments of any type
            self.save_hyperparameters(logger=False)

    known = set(CirclesDataModule().hparams)
    check_arguments("data", Tilted(), known)
    with pytest.raises(UserError, match=r"--data\.tilt 0\.6"):
        check_arguments("data", Tilted(tilt=0.6), known)
