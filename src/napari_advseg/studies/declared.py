"""The studies that there are: each is one declaration, and the command, the report and the tests know it by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_advseg.studies import proofread, protocols, sites
from napari_advseg.studies.flawed import SCALES_HERE
from napari_advseg.studies.measures import scored, timed
from napari_advseg.studies.study import Published, Study

SCORES = ("voi", "adapted_rand_error", "voi_split", "voi_merge", "pixel_accuracy", "iou_walls")
THESIS = (
    "voi", "adapted_rand_error", "voi_walls_left_out", "ignored_fraction", "voi_before", "pixel_accuracy",
)  # fmt: skip
SAME_TISSUE = "directions and rank orders under our own protocol: equal sections, steps and seeds for every line."
OTHER_TISSUE = (
    "absolute values. The thesis scores crops of its own stack (1250 x 1250 x 125, validation, mean of the last five "
    "epochs of one run, predicted walls left out); these are whole sections that nothing has seen, other tissue, and "
    "fewer steps unless the scale is `paper`."
)
FREEZE_PUBLISHED = {
    4: (0.9626, 0.28572), 6: (0.9615, 0.27405), 8: (0.9619, 0.28573), 10: (0.9619, 0.35764), 12: (0.95768, 0.49225),
    14: (0.9513, 0.91028), 16: (0.9096, 2.96603),
}  # fmt: skip
TEST_OF_THESIS = (
    "voi_before", "voi_walls_left_out", "voi_split_walls_left_out", "voi_merge_walls_left_out",
    "adapted_rand_error_walls_left_out", "pixel_accuracy",
)  # fmt: skip
UNET_PUBLISHED: dict[tuple[str, ...], dict[str, float]] = {
    ("unet", "fixed"): dict(
        zip(TEST_OF_THESIS, (0.24291, 0.23812, 0.18757, 0.05062, 0.08513, 0.96294), strict=True)
    ),
    ("unet3d", "online"): dict(
        zip(TEST_OF_THESIS, (0.27045, 0.24607, 0.1877, 0.05837, 0.09029, 0.96324), strict=True)
    ),
}
SCENARIO_PUBLISHED = {
    "random": (0.962, 0.248), "pretrained": (0.9622, 0.26866), "random_frozen": (0.9586, 0.49214),
    "pretrained_frozen": (0.9614, 0.36446),
}  # fmt: skip
MASK_PUBLISHED = {
    "right": (0.9619, 0.25597, 0.22354), "center": (0.961, 0.26661, 0.22644), "random": (0.9613, 0.26897, 0.20149),
}  # fmt: skip


def accuracy_and_voi(
    values: Mapping[Any, tuple[float, ...]],
) -> dict[tuple[str, ...], dict[str, float]]:
    """Published pixel accuracy, VOI before and, where there is one, after the watershed, by line."""
    names = ("pixel_accuracy", "voi_before", "voi_walls_left_out")
    return {(str(key),): dict(zip(names, numbers, strict=False)) for key, numbers in values.items()}


STUDIES: dict[str, Study] = {
    study.name: study
    for study in (
        Study(
            "small-sets",
            "How much annotation does each family need?",
            ("family", "n"),
            ("mean_iou", *SCORES),
            protocols.small_sets,
            scored,
            Published(
                "S000, section 4, asks for it as future work",
                SAME_TISSUE,
                "there are no published numbers.",
            ),
            along="n",
        ),
        Study(
            "speed",
            "How fast is each family?",
            ("family",),
            ("ms_per_image", "mpx_per_s", "mpx", "memory_mb", "parameters", "threads"),
            protocols.speed,
            timed,
            Published(
                "S000, section 4, asks for it as future work; S001 gives 0.12 s per image for DeepLab and "
                "0.5 s for the CRF that it does without; S002 about 2 GB of memory on a Tesla GPU",
                "the order of the families, as all are timed on one computer, on one section, in one precision each.",
                "seconds with those of the papers: other computers, image sizes and frameworks.",
            ),
        ),
        Study(
            "unet-2d-3d",
            "Does it help to see the neighbouring sections too?",
            ("network", "crops"),
            (
                *THESIS, "voi_split_walls_left_out", "voi_merge_walls_left_out",
                "adapted_rand_error_walls_left_out",
            ),
            protocols.unet_2d_3d,
            scored,
            Published(
                "S003, tables 5.5, 5.10 and 5.11 (20 test sections of 1250 x 1250); accuracies of tables 5.1 and 5.6 "
                "(validation crops of 160 px, mean of the last five epochs)",
                SAME_TISSUE + " The 2D network with fresh crops is the one to compare with the 3D network: there, the "
                "2D network saw 6,000 fixed crops and the 3D network fresh blocks.",
                "absolute values: other tissue, shorter runs unless the scale is `paper`, and thresholds that "
                "validation sections chose for each run, where the thesis used .81 and .91 for both. The accuracies "
                "there are of small crops.",
                UNET_PUBLISHED,
                "There, 3D was a little better on validation crops and a little worse on whole test sections.",
            ),
        ),
        Study(
            "folds",
            "How much do scores depend on what is withheld?",
            ("family",),
            ("iou_inside", "iou_walls", "mean_iou", "voi", "adapted_rand_error"),
            protocols.folds,
            scored,
            Published(
                "S002, sections IV and V (five folds of 164 images of red blood cells)",
                "the deviation over folds, beside that over seeds in the other studies.",
                "the IoU: theirs is of the foreground in images of 128 x 128 pixels with one kind of object on a plain "
                "ground.",
                {("deconvnet",): {"iou_inside": 0.97}},
                "An IoU above 0.97 is claimed for most of 40 test images.",
            ),
        ),
        Study(
            "reduced-data",
            "Does pre-training help where little is annotated?",
            ("start", "percent"),
            THESIS,
            protocols.reduced_data,
            scored,
            Published(
                "S003, table 5.19 (10 epochs; the size of the reduced set is not stated, 10 % is assumed)",
                SAME_TISSUE,
                OTHER_TISSUE,
                {
                    ("pretrained_frozen", "10"): {"pixel_accuracy": 0.8009, "voi_before": 0.681},
                    ("random", "10"): {"pixel_accuracy": 0.8612, "voi_before": 0.63},
                },
                "There, random layers did better than 8 layers taken over from Boundless.",
            ),
            along="percent",
        ),
        Study(
            "freeze",
            "How many layers may be held still?",
            ("frozen",),
            THESIS,
            protocols.freeze,
            scored,
            Published(
                "S003, table 5.16", SAME_TISSUE, OTHER_TISSUE, accuracy_and_voi(FREEZE_PUBLISHED),
                "8 frozen layers are given with VOI 0.28573 here and 0.36446 in table 5.17: noise of about 0.08.",
            ),
            along="frozen",
        ),
        Study(
            "scenarios",
            "Does pre-training by image extension help segmentation?",
            ("scenario",),
            THESIS,
            protocols.scenarios,
            scored,
            Published(
                "S003, table 5.17", SAME_TISSUE, OTHER_TISSUE, accuracy_and_voi(SCENARIO_PUBLISHED),
                "There, pre-training did not help, but layers taken over and held did better than random layers held.",
            ),
        ),
        Study(
            "mask-modes",
            "Which mask is best to learn from?",
            ("mask",),
            (*THESIS, "first_l1_inside", "first_l1_outside", "first_ssim_inside"),
            protocols.mask_modes,
            scored,
            Published(
                "S003, tables 5.12 to 5.15",
                SAME_TISSUE + " L1 inside the mask and SSIM can be compared across masks, L1 over whole images cannot.",
                OTHER_TISSUE,
                accuracy_and_voi(MASK_PUBLISHED),
                "Validation L1 over the whole image after 150 epochs: right .05177, center .06803, random .04627.",
            ),
        ),
        Study(
            "empty-masks",
            "Did the transfer fail because the mask was never empty?",
            ("percent_empty",),
            (*THESIS, "first_l1_inside", "first_ssim_inside"),
            protocols.empty_masks,
            scored,
            Published(
                "S003 suspects it in its discussion and did not test it",
                SAME_TISSUE,
                "there are no published numbers.",
            ),
            along="percent_empty",
        ),
        Study(
            "hyper-parameters",
            "Which hyper-parameters suit the transfer?",
            ("set", "times_as_long"),
            THESIS,
            protocols.hyper_parameters,
            scored,
            Published(
                "S003, table 5.18",
                SAME_TISSUE,
                OTHER_TISSUE,
                {
                    ("segmentation", "1"): {"pixel_accuracy": 0.9606, "voi_before": 0.25715},
                    ("boundless", "1"): {"pixel_accuracy": 0.9493, "voi_before": 0.70453},
                    ("boundless", "2"): {"pixel_accuracy": 0.9542, "voi_before": 0.59491},
                },
            ),
        ),
        Study(
            "critic",
            "Does a trained critic find errors of a segmentation?",
            ("order",),
            (
                "auc", "precision_50", "errors_share", "auc_merge", "auc_split", "places", "errors", "reach",
            ),
            sites.critic,
            sites.rank_errors,
            Published(
                "S000 to S004 train critics and do not ask them about finished labels",
                "the orders with each other: all sort the same places of the same labels.",
                "values with other labels: how many places are errors differs from one segmentation to the next.",
            ),
            scales=SCALES_HERE,
            remarks=sites.remarks,
            files=sites.files,
        ),
        Study(
            "proofreading",
            "How fast does each order of the queue mend a segmentation?",
            ("order",),
            ("area", "voi_start", "voi_end", "looks", "data_sets"),
            proofread.proofreading,
            proofread.followed,
            Published(
                "none of the theses proofreads",
                "the orders with each other: all begin at the same labels and look equally often.",
                "areas of other labels: how much one edit mends differs from one segmentation to the next.",
            ),
            scales=SCALES_HERE,
            remarks=proofread.remarks,
            files=proofread.files,
        ),
    )
}  # fmt: skip
