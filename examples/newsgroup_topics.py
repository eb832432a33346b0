"""Topics of 20 newsgroups: tf-idf of the posts, k-means by cosines, and the terms that each cluster is about.

    python examples/newsgroup_topics.py FOLDER

FOLDER (or the variable SHARDLEARN_DATA) holds newsgroups20/20news-bydate.tar.gz, the archive of 18,846 posts by date.
"""

import os
import re
import sys
import tarfile
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import adjusted_rand_score, v_measure_score

from shardlearn.cluster import KMeans

FOLDER = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("SHARDLEARN_DATA", "")
ARCHIVE = Path(FOLDER) / "newsgroups20" / "20news-bydate.tar.gz"
QUOTED = re.compile(r"^\s*[>|:].*$|^.*(writes|wrote|says|said):\s*$|^In article.*$", re.MULTILINE)


def posts() -> tuple[list[str], list[str]]:
    """What people wrote, without headers, quotations and signatures; and where."""
    texts, groups = [], []
    with tarfile.open(ARCHIVE) as archive:
        for member in archive:
            if member.isfile():
                _, _, body = archive.extractfile(member).read().decode("latin-1").partition("\n\n")
                texts.append(QUOTED.sub("", body).split("\n-- \n")[0])
                groups.append(member.name.split("/")[-2])
    return texts, groups


if not ARCHIVE.exists():
    sys.exit(f"there is no {ARCHIVE}: name the folder that holds it, or set SHARDLEARN_DATA")

texts, groups = posts()
words = TfidfVectorizer(
    max_features=40_000, stop_words="english", sublinear_tf=True, max_df=0.2, token_pattern="[a-z]{3,}"
)
X = words.fit_transform(texts)
print(f"{X.shape[0]:,} posts, {X.shape[1]:,} terms, {X.nnz / X.shape[0]:.0f} of them in a post")

model = KMeans(n_clusters=20, metric="cosine", n_init=4, random_state=0).fit(X)
print(f"{model.n_iter_} iterations; 1 - cosine with the centre is {model.inertia_ / X.shape[0]:.3f} in the mean\n")

terms = words.get_feature_names_out()
for cluster in np.argsort(-np.bincount(model.labels_, minlength=20)):
    inside = [group for group, label in zip(groups, model.labels_, strict=True) if label == cluster]
    most = max(sorted(set(inside)), key=inside.count)
    top = terms[np.argsort(-model.cluster_centers_[cluster])[:9]]
    print(f"{len(inside):5} posts, {inside.count(most) / len(inside):4.0%} {most:25} {' '.join(top)}")

print(f"\nadjusted Rand index {adjusted_rand_score(groups, model.labels_):.3f}", end=", ")
print(f"v-measure {v_measure_score(groups, model.labels_):.3f}")
