"""The README's table of faults: every row has tests, and as many as it says."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import COLLECTED

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
TESTS = {
    1: "the_same_seed_twice_gives_the_same_bits weights_and_rows_equal_the_plain_loop",
    2: "a_run_that_goes_on_after_any_epoch_equals_one_that_never_stopped",
    3: "a_run_that_goes_on_after_any_step_equals_one_that_never_stopped "
    "a_run_that_goes_on_after_each_step_equals_one_that_never_stopped "
    "a_run_that_stops_again_and_again_equals_one_that_never_stopped "
    "a_run_through_workers_goes_on_after_any_step what_is_kept_amid_a_run_is_where_it_can_go_on",
    4: "kills_amid_a_save_lose_nothing",
    5: "a_full_disk_leaves_the_earlier_file_and_no_litter a_limit_of_size_leaves_the_earlier_file",
    6: "a_flipped_bit_in_any_byte_and_a_lost_end_are_told "
    "a_damaged_checkpoint_is_refused_and_last_falls_back "
    "a_checkpoint_of_lightning_s_own_saving_is_tried_by_its_zip",
    7: "a_damaged_checkpoint_is_refused_and_last_falls_back",
    8: "sigterm_saves_and_exits_with_143 two_processes_stop_at_the_same_step_and_save "
    "a_run_that_a_signal_stopped_goes_on_as_if_it_had_not",
    9: "ctrl_c_saves_and_exits_with_130_within_5_seconds ctrl_c_waits_until_a_checkpoint_is_written "
    "ctrl_c_twice_stops_at_once_and_leaves_the_files_as_they_were",
    10: "diverged_training_stops_at_the_step_and_exits_with_3 an_error_on_one_process_or_both_ends_both",
    11: "scores_that_are_no_numbers_make_no_best",
    12: "every_checkpoint_loads_with_weights_only",
    13: "a_stranger_s_configuration_imports_nothing a_stranger_s_checkpoint_imports_nothing "
    "a_pickle_in_a_checkpoint_is_not_opened what_lies_on_the_network_is_not_fetched",
    14: "a_setting_that_the_checkpoint_contradicts_is_refused a_checkpoint_that_does_not_fit_gets_a_message "
    "a_run_does_not_go_on_with_other_data a_run_does_not_go_on_with_another_table",
    15: "a_second_run_and_a_resume_in_the_same_folder_keep_what_is_there "
    "two_runs_that_start_together_take_two_folders",
    16: "a_mistake_gets_one_short_message_and_writes_nothing wrong_requests_write_nothing",
    17: "a_recipe_is_whole_and_runs_one_batch",
    18: "classes_of_any_kind_are_named_in_order",
    19: "targets_of_another_task_are_refused labels_are_zeros_and_ones what_cannot_be_learned_is_said",
    20: "nothing_is_broadcast what_does_not_fit_is_refused_with_the_right_name",
    21: "features_are_standardised_filled_and_told_apart kinds_are_found_and_gaps_counted "
    "a_word_among_numbers_is_an_error_with_its_row",
    22: "columns_without_difference_are_left_out_with_a_note a_constant_in_the_train_rows_becomes_zero",
    23: "what_cannot_be_learned_is_said splits_are_stratified_and_share_no_row "
    "files_of_their_own_are_for_validation_and_testing",
    24: "few_rows_are_split_so_that_none_is_empty a_class_with_a_single_row_is_kept_for_training",
    25: "balanced_weights_are_scikit_learn_s_and_travel_in_checkpoints "
    "weighted_losses_are_torch_s_weighted_means every_class_has_scikit_learn_s_figures "
    "ranking_scores_and_test_figures_are_scikit_learn_s",
    26: "unseen_categories_are_one_note_or_refused",
    27: "predictions_need_neither_target_nor_order_nor_the_old_file",
    28: "what_has_changed_since_training_is_listed_in_full a_table_without_a_column_is_refused "
    "a_yes_or_no_column_takes_no_other_numbers",
    29: "a_faulty_file_is_named_with_its_line a_fault_far_down_is_named_with_its_line",
    30: "the_same_table_however_it_is_written",
    31: "a_word_after_many_numbers_makes_text_that_is_refused_with_its_row "
    "many_words_after_many_numbers_are_refused_too text_in_one_file_and_numbers_in_another_is_refused",
    32: "a_table_beyond_memory_is_refused_with_the_estimate",
    33: "statistics_come_from_train_rows_alone splits_are_stratified_and_share_no_row "
    "rows_of_a_group_stay_together what_would_split_the_rows_anew_is_refused_after_training "
    "a_column_that_tells_the_target_is_suspected",
    34: "two_processes_give_one_process_s_figures_and_part_the_rows "
    "predictions_of_two_processes_come_once_and_in_order",
    35: "when_one_process_dies_both_end an_error_on_one_process_or_both_ends_both",
    36: "rows_keep_their_order_and_take_columns_along a_file_appears_whole_or_not_at_all "
    "predictions_are_not_overwritten_unless_asked cells_that_a_spreadsheet_would_run_are_made_harmless",
    37: "the_example_gives_the_checkpoint_s_predictions",
    38: "a_folder_of_runs_that_cannot_be_written_is_said a_missing_package_is_named",
    39: "a_table_is_read_or_refused labels_are_learned_from_or_refused a_recipe_runs_or_is_refused "
    "a_command_line_runs_or_is_refused",
    40: "a_checkpoint_of_a_release_that_knows_more_says_which "
    "a_checkpoint_of_the_first_release_loads_and_goes_on",
}


def counted() -> dict[int, int]:
    """Return how many tests each row has."""
    cases = Counter(name.partition("[")[0].removeprefix("test_") for _, name in COLLECTED)
    missing = {name for names in TESTS.values() for name in names.split()} - cases.keys()
    assert not missing, missing
    return {row: sum(cases[name] for name in names.split()) for row, names in TESTS.items()}


def test_every_fault_has_as_many_tests_as_the_readme_says() -> None:
    if {file for file, _ in COLLECTED} != {path.name for path in Path(__file__).parent.glob("test_*.py")}:
        pytest.skip("only a part of the tests is run")
    rows = re.findall(r"^\| (\d+) \|.*\| (\d+)(?:: [^|]*)? \|$", README, flags=re.MULTILINE)
    assert {int(row): int(cases) for row, cases in rows} == counted()
