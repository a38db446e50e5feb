"""BatchRank: how well does a score find the odd pictures of a batch by the context of that batch?

    sample    a part of a data set, encoded once by a frozen model, and what can be odd about its pictures
    cells     which batches are drawn: subject × size × number of odd pictures, with context-swap twins
    quality   AUROC, average precision above chance, precision@k, hit@1, MRR, NDCG of one ranking
    bench     methods over batches → tidy rows
    statistics   paired hierarchical bootstrap intervals, Holm's correction

`python -m analysis.batchrank MODEL…` runs all of it; `study/metrics/outlier.py` runs a cell or two of it in every trial.
"""
