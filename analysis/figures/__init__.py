"""One file a figure: a function that takes a table of `analysis.tables.load` and draws into matplotlib Axes.

    from analysis.figures.pareto import pareto
    pareto(study.trials, "recon", "mig")            # into the current axes, or ax=…

All of them hold to the same rules: axes are labelled with units and the better direction; a kind of model has one colour and
one marker everywhere (`analysis.tables.names.looks`); intervals are drawn where there are replicates, and "n = 1" is said where
there are none; what is missing is absent, never zero; where there is nothing to draw, the axes say why.
"""
