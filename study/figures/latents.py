"""What the latents do.  mu and logvar are (N, D); labels (N,) colour the points; KL in nats."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from models.codec import Codec
from models.posterior import draw, kl_to_prior
from study.figures.models import image_sheet

__all__ = ["diversity", "posterior", "scatter", "uncertainty"]

Floats = NDArray[np.floating]


def scatter(mu: Floats, labels: NDArray[np.int64] | None, names: Sequence[str], title: str, tsne_points: int = 2_000) -> Figure:
    """Posterior means: as they are where D = 2, else by PCA and by t-SNE (van der Maaten, Hinton 2008)."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    if mu.shape[1] <= 2:
        views = {"latents": np.pad(mu, ((0, 0), (0, 2 - mu.shape[1])))}
    else:
        pca = PCA(2).fit(mu)
        some = mu[:tsne_points]
        perplexity = min(30.0, (len(some) - 1) / 3)
        views = {
            f"PCA, {pca.explained_variance_ratio_.sum():.0%} of the variance": pca.transform(mu),
            "t-SNE": TSNE(2, init="pca", perplexity=perplexity, random_state=0).fit_transform(some),
        }
    figure = Figure(figsize=(5.2 * len(views) + 0.6, 4.6), layout="constrained")
    axes = figure.subplots(1, len(views), squeeze=False)[0]
    for axis, (name, points) in zip(axes, views.items(), strict=True):
        colours = None if labels is None else labels[: len(points)]
        drawn = axis.scatter(*points[:, :2].T, c=colours, s=3, cmap="tab10" if len(names) <= 10 else "viridis", linewidths=0)
        axis.set_title(name, fontsize=9)
    if labels is not None and 2 <= len(names) <= 20:
        handles, _ = drawn.legend_elements(num=None)
        axes[-1].legend(handles, [names[int(k)] for k in np.unique(labels[: len(points)])], fontsize=7, markerscale=0.8)
    figure.suptitle(title, fontsize=9)
    return figure


def posterior(mu: Floats, logvar: Floats, title: str) -> Figure:
    """Means and standard deviations of the used latents against the prior N(0, 1), and the KL of every latent."""
    from matplotlib.ticker import MaxNLocator
    from scipy.stats import norm

    kl = kl_to_prior(mu, logvar).mean(axis=0)
    order = np.argsort(kl)[::-1]
    used = [int(d) for d in order[:6]]
    figure = Figure(figsize=(12, 3.2), layout="constrained")
    means, sigmas, nats = figure.subplots(1, 3)
    x = np.linspace(-4, 4, 200)
    sigma = np.exp(0.5 * logvar)
    mean_bins, sigma_bins = _bins(mu[:, used]), _bins(sigma[:, used])
    for d in used:
        means.hist(mu[:, d], bins=mean_bins, density=True, histtype="step", label=f"z{d}")
        sigmas.hist(sigma[:, d], bins=sigma_bins, density=True, histtype="step", label=f"z{d}")
    means.plot(x, norm.pdf(x), "k--", label="prior")
    sigmas.axvline(1, color="k", linestyle="--", label="prior")
    for axis, name in ((means, "posterior mean μ"), (sigmas, "posterior standard deviation σ")):
        axis.set_xlabel(name)
        axis.set_ylabel("density")
        axis.legend(fontsize=7)
    nats.bar(range(len(kl)), kl[order])
    nats.xaxis.set_major_locator(MaxNLocator(integer=True))
    nats.set_xlabel("latent, by falling KL")
    nats.set_ylabel("mean KL (nats)")
    nats.set_title(f"{kl.sum():.1f} nats in {int((kl > 0.01).sum())} of {len(kl)} latents", fontsize=8)
    figure.suptitle(title, fontsize=9)
    return figure


def uncertainty(
    codec: Codec, images: NDArray[np.uint8], title: str, condition: NDArray[np.int64] | None = None, draws: int = 50
) -> Figure:
    """Image, mean and standard deviation of the pixel means over `draws` samples of q(z|x); white: most uncertain."""
    mu, logvar = codec.encode(images, condition)
    noise = np.random.default_rng(0).standard_normal((draws, *mu.shape), dtype=np.float32)
    z = draw(mu, logvar, noise).reshape(-1, mu.shape[1])
    told = None if condition is None else np.tile(condition, draws)
    decoded = codec.decode(z, told).reshape(draws, *images.shape)
    deviation = decoded.std(axis=0).mean(axis=1, keepdims=True)
    label = f"std, white = {deviation.max():.2f}"
    shown = np.repeat(deviation / max(deviation.max(), 1e-12), images.shape[1], axis=1)
    return image_sheet([images, decoded.mean(axis=0), shown], ["image", "mean", label], title)


def diversity(samples: NDArray[np.uint8], real: NDArray[np.uint8], title: str, pairs: int = 2_000) -> Figure:
    """Distances between pairs of samples, between pairs of real images, and from samples to their nearest real image.

    Samples that are all alike show as a hump left of the real one.  Euclidean, pixels in [0, 1].
    """
    from scipy.spatial.distance import cdist

    x, y = (images.reshape(len(images), -1) / np.float32(255) for images in (samples, real))
    rng = np.random.default_rng(0)
    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axis = figure.subplots()
    distances = {"sample to nearest real image": cdist(x[:500], y).min(axis=1)}
    for name, points in (("two samples", x), ("two real images", y)):
        a, b = rng.integers(0, len(points), (2, pairs))
        distances[name] = np.linalg.norm(points[a] - points[b], axis=1)[a != b]
    bins = _bins(np.concatenate(list(distances.values())))
    for name, values in distances.items():
        axis.hist(values, bins=bins, density=True, histtype="step", label=f"{name}: median {np.median(values):.2f}")
    axis.set_xlabel("Euclidean distance of pixels in [0, 1]")
    axis.set_ylabel("density")
    axis.legend(fontsize=7)
    figure.suptitle(title, fontsize=9)
    return figure


def _bins(values: Floats, count: int = 80) -> list[float]:
    """Edges over the values' range with some room: values that are all equal, as in a collapsed model, have bins as well."""
    low, high = float(values.min()), float(values.max())
    room = max(0.02 * (high - low), 0.01)
    edges: list[float] = np.linspace(low - room, high + room, count + 1).tolist()
    return edges
