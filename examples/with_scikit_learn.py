"""In memory, the estimators are scikit-learn's like any other: pipelines, searches, cross-validation."""

from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from shardlearn.linear_model import LogisticRegression

X, y = load_breast_cancer(return_X_y=True)
pipeline = make_pipeline(StandardScaler(), LogisticRegression())
search = GridSearchCV(pipeline, {"logisticregression__C": [0.01, 0.1, 1.0, 10.0]}, cv=5).fit(X, y)
print("best C", search.best_params_["logisticregression__C"])
print("accuracy", cross_val_score(search.best_estimator_, X, y, cv=5).mean().round(4))

model = search.best_estimator_[-1]
print("without shardlearn:", model.to_sklearn())
