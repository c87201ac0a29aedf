"""Everything that relies on the private API of Lightning, torch or jsonargparse, each piece with its reason."""
