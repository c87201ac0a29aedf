"""Everything that relies on the private API of Lightning, torch or jsonargparse, each with its reason."""
