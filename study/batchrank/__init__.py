"""BatchRank: how well does a score find the odd pictures of a batch by the context of that batch?

    sample       a part of a data set, encoded once by a frozen model, and what can be odd about its pictures
    cells        which batches are drawn: subject × size × number of odd pictures, with context-swap twins
    quality      AUROC, average precision above chance, precision@k, hit@1, MRR, NDCG of one ranking
    bench        methods over batches → tidy rows
    trial        a fast cell of it for every trial (`study/metrics/outlier.py`, `context_gain.py`, `explanation_hit.py`)
    agreement    do the exported files rank as the trained model does (the publish gate asks)

`python -m analysis.batchrank MODEL…` runs all of it.

How the default score was chosen, November 2026, on development cells only (validation pictures, pairs of values with a + b
divisible by 3, batches of 32 and 128; one MNIST model, one β-VAE on dSprites; AUROC / average precision above chance):

                                    MNIST class      dSprites, 5 factors    damage (MNIST)
    robust_z                        .946 / .582      .662 / .205            .800 / .545
    the same minus |mu|²            .974 / .745      .684 / .264
    mahalanobis (OAS)               .957 / .705      .716 / .359            .722 / .463
    cleanlab's 10 neighbours        .988 / .875      .698 / .345            .669 / .352
    rank average                    .985 / .860      .723 / .374            .710 / .400
    contrast without the cap        .990 / .898      .729 / .394            .643 / .403
    contrast (cap at 2 σ)           .987 / .886      within .003 of it      .752 / .518

Tried and not kept: trimming a fixed quarter of the batch (helps MNIST, hurts dSprites), mixtures of batch and population by
expectation-maximisation (no better than the soft cut), Student-t and ratio forms of the contrast, unit-length codes.
"""
