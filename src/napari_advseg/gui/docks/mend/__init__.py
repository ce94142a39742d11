"""The Mend dock."""
