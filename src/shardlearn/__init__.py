"""scikit-learn's estimators for data in shards."""
