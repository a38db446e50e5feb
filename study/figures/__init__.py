"""The sources' figures: one figure, one short function from tables and arrays (or a model) to a matplotlib Figure.

    curves.py     losses, learning rate, gradients, parameter norms, sample quality: everything over training
    sheets.py     pictures in rows and grids: samples, filters, morphs, arithmetic, wrong labels, the contact sheet
    latents.py    scatter, posterior against prior, uncertainty, diversity
    network.py    a drawing of the network, feature maps

`study.reproduction.gallery` says which of them a recipe may ask for, by name.
"""
