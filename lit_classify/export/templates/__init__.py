"""Programs that ``lit-classify export`` puts beside a model; they need nothing of lit_classify."""
