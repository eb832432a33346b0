"""Statistics: what one visit to a block computes, one a file."""
