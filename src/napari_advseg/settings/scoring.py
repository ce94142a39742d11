"""How labels are compared with the truth."""

from __future__ import annotations

from typing import Literal

from napari_advseg.settings import Settings, setting


class ScoringSettings(Settings):
    """Boundary handling, grouping and conventions of the instance scores."""

    by: Literal["section", "volume"] = setting(
        "section",
        "By",
        "Score each section on its own and average, or the volume as one. Ids that restart in every section "
        "mean nothing across sections: use 'section' for them.",
    )
    boundary: Literal["thin", "ignore", "count"] = setting(
        "thin",
        "Predicted boundary",
        "What happens to predicted 0: 'thin' grows the labels into it (by nearest label), 'ignore' drops it "
        "(flattering: wide walls fake a low VOI), 'count' keeps it as a label of its own (pessimistic).",
    )
    border: int = setting(
        1,
        "Border",
        "Truth pixels at most this far from a change of label in their section are left out; 0 leaves none out, "
        "1 leaves out a line 4 px wide. A larger value forgives sloppier walls.",
        unit="px",
        ge=0,
        le=100,
    )
    zero: Literal["boundary", "background"] = setting(
        "boundary",
        "0 in the truth",
        "'boundary' leaves truth 0 out of every score; 'background' scores it as an object of its own.",
    )
    rand: Literal["cremi", "snemi", "scikit-image"] = setting(
        "cremi",
        "Rand convention",
        "How predicted 0 enters the adapted Rand error: the CREMI or SNEMI convention (singletons), or scikit-image's.",
    )
