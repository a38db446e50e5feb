"""From a trained model to a version of the registry, for trials and recipes alike."""
