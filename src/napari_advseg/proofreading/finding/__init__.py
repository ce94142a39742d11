"""Where to look next, what is proposed there, and how the score follows."""
