"""Who becomes champion, who stays it, and that the reason is said."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from registry.manifest import Budget
from registry.store import Store
from registry.version import Version
from study.publishing.champion import move_aliases
from study.publishing.publish import _published
from tests.registry.helpers import FILES, LINEAGE, manifest


def add(
    store: Store, steps: int = 2_000, budget: str = "laptop", seeds: int = 1, kl: float = 9.0, digest: str = "1", **metrics: float
) -> Version:
    data = LINEAGE.dataset.model_copy(update={"digest": "sha256:" + digest * 64})
    lineage = LINEAGE.model_copy(update={"budget": Budget(name=budget, steps=steps), "seeds": seeds, "dataset": data})
    described = manifest(lineage=lineage).model_copy(update={"metrics": {"recon": 100.0, "mig": 0.1, "kl": kl, **metrics}})
    return store.publish("m", FILES, described)


@pytest.mark.parametrize(
    ("first", "second", "champion", "why"),
    [
        ({}, {"recon": 90.0}, 2, "better than version 1 in recon, mig, and worse in none"),
        ({}, {"recon": 90.0, "mig": 0.05}, 1, "not better in recon, mig at once"),
        ({}, {}, 1, "not better"),
        ({}, {"budget": "smoke", "steps": 120, "recon": 9.0, "mig": 0.9}, 1, "120 steps (smoke)"),
        ({}, {"kl": 0.007, "recon": 9.0, "mig": 0.9}, 1, "says nothing of a picture (KL 0.007 nats)"),
        ({"budget": "smoke", "steps": 120}, {}, 2, "the first one"),
        ({"kl": 0.2}, {}, 2, "the first one"),
        ({}, {"budget": "overnight", "steps": 50_000, "recon": 101.0}, 2, "50,000 steps go before 2,000"),
        ({"budget": "overnight", "steps": 50_000}, {"recon": 9.0, "mig": 0.9}, 1, "50,000 steps go before 2,000"),
        ({}, {"seeds": 3, "recon": 101.0}, 2, "3 seeds go before one"),
        ({"seeds": 3}, {"recon": 9.0, "mig": 0.9}, 1, "3 seeds go before one"),
        ({"seeds": 3}, {"budget": "overnight", "steps": 50_000, "recon": 9.0, "mig": 0.9}, 1, "3 seeds go before one"),
        ({"budget": "overnight", "steps": 50_000}, {"seeds": 4, "recon": 101.0}, 2, "4 seeds go before one"),
        ({"seeds": 4}, {"seeds": 3, "budget": "overnight", "steps": 50_000}, 2, "50,000 steps go before 2,000"),
        ({"seeds": 4}, {"seeds": 3, "recon": 9.0, "mig": 0.9}, 1, "4 seeds go before 3"),
        ({}, {"digest": "2", "recon": 9.0, "mig": 0.9}, 1, "other pictures"),
    ],
)
def test_the_second_version(tmp_path: Path, first: dict[str, Any], second: dict[str, Any], champion: int, why: str) -> None:
    store = Store(tmp_path / "store")
    move_aliases(store, "m", add(store, **first), ["recon", "mig"])
    told = move_aliases(store, "m", add(store, **second), ["recon", "mig"])
    assert store.aliases("m") == {"champion": champion, "candidate": 2}
    assert why in told and "\n" not in told
    assert told.startswith("champion is now version 2" if champion == 2 else "champion stays version 1")


def test_a_champion_of_an_earlier_version_that_should_not_be_one_is_replaced(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.set_alias("m", add(store, budget="smoke", steps=120).number, "champion")
    assert "version 1 was trained for 120 steps (smoke)" in move_aliases(store, "m", add(store), ["recon", "mig"])
    assert store.aliases("m")["champion"] == 2


def test_a_name_may_have_no_champion(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    told = move_aliases(store, "m", add(store, budget="smoke", steps=120), ["recon", "mig"])
    assert told.startswith("no champion yet: version 1 was trained for 120 steps") and store.aliases("m") == {"candidate": 1}


def test_a_champion_that_is_lost_or_damaged_is_replaced(tmp_path: Path) -> None:
    """It ended the command in an error, after all had been published, and again each time."""
    store = Store(tmp_path / "store")
    for _ in range(2):
        store.set_alias("m", add(store).number, "champion")
        (store.root / f"models/m/versions/{store.aliases('m')['champion']}/manifest.json").write_bytes(b"damaged")
    assert move_aliases(store, "m", add(store, budget="smoke"), ["recon", "mig"]).startswith(
        "champion stays version 2: version 3"
    )
    assert move_aliases(store, "m", add(store), ["recon", "mig"]) == "champion is now version 4: version 2 is lost or damaged"
    store.repair()
    store.set_alias("m", 3, "champion")
    shutil.rmtree(store.root / "models/m/versions/3")
    assert move_aliases(store, "m", add(store), ["recon", "mig"]) == "champion is now version 5: version 3 is lost or damaged"


def test_one_damaged_version_keeps_no_training_from_being_found(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    add(store)
    wanted = add(store, seeds=3)
    (store.root / "models/m/versions/1/manifest.json").write_bytes(b"damaged")
    assert _published(store, "m", wanted.manifest.lineage) == wanted
