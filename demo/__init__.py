"""shardlearn at work on a real table: every flight that left New York City in 2013."""
