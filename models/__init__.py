"""What a model is: architectures, objectives, schedules, the VAE itself and outlier scores.

This package is the lowest layer: it imports none of `registry`, `study`, `analysis`.  Importing `models` itself costs
nothing: torch is imported by the modules that need it (`models.vae`, the architectures, the objectives), never here.
"""
