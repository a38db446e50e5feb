"""What a metric sees of a model: encodings, points of codes and factors, likelihood bounds, mutual information."""
