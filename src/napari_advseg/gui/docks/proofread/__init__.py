"""The Proofread dock."""
