"""d4sci: the course ML with PyTorch for Developers, one concept per file.

Import from the file that is named after the concept, so that `??` shows the lesson:

    from d4sci.preprocessing import StandardScaler
"""

__version__ = "0.1.0"

NOTEBOOKS = {
    "1-overview-and-tensors": ["device", "data", "preprocessing", "model_selection", "metrics"],
    "2-unsupervised-learning": ["distance", "pca", "kmeans", "dbscan"],
    "3-supervised-learning": ["neighbors", "linear", "svm"],
    "4-neural-networks": ["mlp", "cnn", "training", "train_mnist"],
    "5-deep-learning-applications": ["autoencoder", "gan", "gnn"],
}
"""What each notebook imports that none before it did, plots and exercises left out."""
