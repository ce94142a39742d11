"""From reviewed labels to a better model: trained on them, judged by them, applied with the edits of before."""
