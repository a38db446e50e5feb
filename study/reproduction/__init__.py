"""Running the sources' experiments, which are the files in `study/recipes`: `python -m study.recipe NAME`.

run.py               one recipe from data to published model; opening.py finds its data and configuration
training.py          training with PyTorch, everything written down on the way; snapshots.py holds what is drawn later
numpy_training.py    the same with `models.numpy_vae`
numbers.py           what a run measures: `recipe.json`
publish.py           its model in the registry
figures.py           the figures a recipe may ask for, by name; pictures/ draws them
conditional.py       does z still carry the image when the decoder is told the label?
sample_quality.py    Fréchet distance and inception score by a small classifier trained here
results.py           the sources' numbers beside ours
"""
