"""The packaged recipes: whole experiments, one YAML file each."""

from lit_classify.recipes.lookup import bad_names, find, names, read

__all__ = ["bad_names", "find", "names", "read"]
