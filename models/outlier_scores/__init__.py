"""Outlier scores by name.  One file a score, NumPy, SciPy and scikit-learn only, each with

    NEEDS: tuple                       what it reads beside the latents: "pixels", "reconstructions"
    CONTEXT: bool                      whether it looks at the rest of the batch
    score(batch, context) -> Scores    one number a picture, higher = odder

See `models.outlier_score` for what these are.  Which score is the default, and the measurements behind that choice, are in
`study.batchrank`.
"""
