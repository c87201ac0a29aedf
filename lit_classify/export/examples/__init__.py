"""Example programs that ``lit-classify export`` writes beside a model; they do not import lit_classify."""
