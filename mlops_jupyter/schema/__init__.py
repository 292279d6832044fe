"""What a model takes and what it answers, as plain JSON: inferred, compared and rendered.

The dict that `infer_input` and `infer_output` make is the package's ``model/feature_schema.json``; the server
validates by it, the version number follows from it, MLflow's signature is rendered from it.
"""
