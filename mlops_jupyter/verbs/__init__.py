"""The public verbs, one file per stage of a model's life. Importing this imports none of them."""
