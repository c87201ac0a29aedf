"""Tables larger than the memory: read in blocks, and encoded into a cache that training maps."""
