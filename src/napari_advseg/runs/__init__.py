"""What is known of trainings, running and ended: curves, where they went, how to go on. Loads no torch."""
