"""What all scores count: two volumes on the same voxels, their borders, their pairs of ids."""
