"""What the faces of all estimators share: parameters, one fit's session, labels, predictions, scores."""
