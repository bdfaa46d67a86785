"""What is raced among networks: one epoch on MNIST, and 50 epochs on a graph."""

import shutil
import tempfile
import warnings

import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.race import OURS, Race
from benchmarks.rows.base import SKLEARN, digits, random, row

BARE = "bare PyTorch loop"


def _net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))


@row("MLP 784-128-10, batch 64, Adam, one epoch of MNIST", {BARE: 1.05}, quick=10_000, warm=2000,
     scaling={"n": (7500, 15_000, 30_000, 60_000)})  # fmt: skip
def train_loop(n=60_000):
    from d4sci.training import train

    X, y, T, t = digits()
    X, y = X[:n], y[:n]

    def bare():
        net = _net()
        optimizer = torch.optim.Adam(net.parameters(), fused=True)
        for rows in torch.randperm(n, generator=random()).split(64):
            optimizer.zero_grad()
            F.cross_entropy(net(X[rows]), y[rows]).backward()
            optimizer.step()
        return net

    def ours():
        net = _net()
        train(net, X, y, loss_fn=nn.CrossEntropyLoss(), epochs=1, batch_size=64)
        return net

    def sklearn():
        from sklearn.neural_network import MLPClassifier

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that one epoch is not enough
            return MLPClassifier((128,), batch_size=64, max_iter=1, random_state=0).fit(
                X.numpy(), y.numpy()
            )

    def wrong(net, _):
        with torch.no_grad():
            found = net(T).argmax(1) if isinstance(net, nn.Module) else net.predict(T.numpy())
        return (torch.as_tensor(found) != t).double().mean()

    runners = {BARE: bare, OURS: ours, f"{SKLEARN}, MLPClassifier": sklearn}
    if n == 60_000:
        runners["DataLoader over torchvision"] = _data_loader
    return Race(runners, wrong, "test error", 0.01)


def _data_loader():
    import torchvision
    from torchvision.transforms import ToTensor

    from d4sci.data import data_path

    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(data_path("MNIST"), f"{folder}/MNIST")
        data = torchvision.datasets.MNIST(folder, download=True, transform=ToTensor())
        net = _net()
        optimizer = torch.optim.Adam(net.parameters())
        for images, labels in torch.utils.data.DataLoader(data, batch_size=64, shuffle=True):
            optimizer.zero_grad()
            F.cross_entropy(net(images.flatten(1)), labels).backward()
            optimizer.step()
    return net


@row("MLP by hand, 784-128-10, batch 64, momentum, one epoch", {BARE: 0.8}, quick=10_000,
     warm=2000)  # fmt: skip
def mlp_by_hand(n=60_000):
    from d4sci.mlp import MLP

    X, y, T, t = digits()
    X, y = X[:n], y[:n]

    def bare():
        net = _net()
        optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)
        for rows in torch.randperm(n, generator=random()).split(64):
            optimizer.zero_grad()
            F.cross_entropy(net(X[rows]), y[rows]).backward()
            optimizer.step()
        return lambda: net(T).argmax(1)

    def ours():
        model = MLP((128,), lr=0.1, momentum=0.9, batch_size=64, epochs=1).fit(X, y)
        return lambda: model.predict(T)

    def wrong(predict, _):
        with torch.no_grad():
            return (predict() != t).double().mean()

    return Race({BARE: bare, OURS: ours}, wrong, "test error", 0.015)


@row("GCN 784-16-10, 10,000 nodes, 145,000 edges, 50 epochs", {"PyTorch Geometric": 0.5},
     quick=2500, warm=500, scaling={"n": (2500, 5000, 10_000, 20_000)})  # fmt: skip
def gcn(n=10_000, epochs=50):
    from d4sci.gnn import GCN, normalized_adjacency

    y = torch.randint(10, (n,), generator=random())
    X = torch.randn(n, 784, generator=random(1)) + 0.05 * torch.randn(
        10, 784, generator=random(2)
    ).index_select(0, y)
    order, e = y.argsort(), int(7.28 * n)  # a friend of one's own class, mostly
    u = torch.randint(n, (e,), generator=random(3))
    near = (u + torch.randint(1, n // 20, (e,), generator=random(4))) % n
    far = torch.randint(n, (e,), generator=random(5))
    v = torch.where(torch.rand(e, generator=random(6)) < 0.8, near, far)
    edges = torch.stack([order[u], order[v]])[:, u != v]
    edges = torch.cat([edges, edges.flip(0)], 1).unique(dim=1)
    known = torch.randperm(n, generator=random(7))[: n // 10]

    def learn(model, graph):
        optimizer = torch.optim.Adam(model.parameters(), 0.01)
        for _ in range(epochs):
            optimizer.zero_grad()
            F.cross_entropy(model(X, graph)[known], y[known]).backward()
            optimizer.step()
        return model, graph

    def ours():
        torch.manual_seed(0)
        return learn(GCN(784, 16, 10), normalized_adjacency(edges, n))

    def peer():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own imports
            from torch_geometric.nn.models import GCN as Peer

        torch.manual_seed(0)
        return learn(Peer(784, 16, 2, 10), edges)

    def wrong(result, _):
        model, graph = result
        with torch.no_grad():
            return (model(X, graph).argmax(1) != y).double().mean()

    return Race({"PyTorch Geometric": peer, OURS: ours}, wrong, "share of wrong nodes", 0.02)
