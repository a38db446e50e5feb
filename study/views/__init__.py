"""How pictures of a folder are compared: one view a file, none of which needs a label or a model of the folder.

    TITLE: str                        what it is called where people read
    NEEDS: str                        "images", "features" (a pretrained network) or "codes" (a VAE)
    SPEAKS: str                       "always", or "when sure": a view that is silent until a picture is far out
    look(seen, context) -> Look       how far each picture is from the pictures of the context
    reason(seen, look, row) -> str    why picture `row` is far, in words
    where(seen, look, row) -> (H, W)  where in the picture, if the view can say; None if it cannot of these pictures
    BRIGHT: str                       what its map is bright at, where there is a `where`

See `study/views/_contract.py` for what these are, and `study/views/_fusion.py` for how they become one ranking.
"""

from study.views._alarm import LIMIT, MEASURED, stands_apart
from study.views._alike import alike, equal
from study.views._contract import VIEWS, Look, Seen, View, bright, far_from, look_at, needed, say, title, where
from study.views._fusion import Fused, fuse
from study.views._place import place_of

__all__ = [
    "LIMIT",
    "MEASURED",
    "VIEWS",
    "Fused",
    "Look",
    "Seen",
    "View",
    "alike",
    "bright",
    "equal",
    "far_from",
    "fuse",
    "look_at",
    "needed",
    "place_of",
    "say",
    "stands_apart",
    "title",
    "where",
]
