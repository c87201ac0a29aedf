"""The packaged recipes: whole experiments, one YAML file each."""

from lit_classify.recipes.lookup import find, names, read

__all__ = ["find", "names", "read"]
