"""Everything that rests on private parts of Lightning, torch or jsonargparse, each piece with its reason."""
