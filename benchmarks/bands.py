"""What a notebook may claim of results that differ from start to start: ten seeds of each."""

import torch


def measure(seeds=10):
    """Train what notebooks 4 and 5 train, `seeds` times; return {claim: values}."""
    found = measure_digits({"MLP by hand": by_hand}, seeds)
    found |= {f"notebook 5, {claim}": values for claim, values in measure_gans(seeds).items()}
    return found


def measure_digits(networks, seeds=10):
    """Train each digit classifier of notebook 4; return {claim: shares of the test set right}.

    networks: {name: function of (X, y, X_test, seed) that returns the predicted digits}.
    """
    from d4sci.data import load_mnist
    from d4sci.metrics import accuracy

    (images, labels), (test_images, truth) = load_mnist("train"), load_mnist("test")
    X, X_test = images.flatten(1).float() / 255, test_images.flatten(1).float() / 255
    found = {}
    for name, predict in networks.items():
        shares = [accuracy(truth, predict(X, labels, X_test, seed)) for seed in range(seeds)]
        found[f"notebook 4, {name} on the test set"] = shares
        print(f"{name}:", [round(share, 4) for share in shares])
    return found


def by_hand(X, y, X_test, seed):
    """Train the MLP without autograd on 54,000 digits, as the notebook does."""
    from d4sci.mlp import MLP

    mlp = MLP((256, 128), weight_decay=2e-5, lr=0.05, batch_size=256, epochs=12, seed=seed)
    return mlp.fit(X[:54_000], y[:54_000]).predict(X_test)


def measure_gans(seeds=10):
    """Train both digit GANs of notebook 5, and break one; return {claim: values}."""
    from d4sci.gan import Discriminator, Generator, train_gan

    X, y, verdict = _digits_and_verdict()
    z = torch.randn(2000, 64, generator=torch.Generator().manual_seed(1))
    wanted = torch.arange(2000) % 10
    found = {}

    def note(**values):
        for claim, value in values.items():
            found.setdefault(claim.replace("_", " "), []).append(float(value))

    for seed in range(seeds):
        torch.manual_seed(seed)
        G, D = Generator(), Discriminator()
        train_gan(G, D, X, steps=1200, lr=(2e-3, 1e-3), seed=seed)
        sure, share, _ = verdict(G, z)
        note(GAN_sure=sure, GAN_rarest_digit=share.min(), GAN_commonest_digit=share.max())
        torch.manual_seed(seed)
        G, D = Generator(n_classes=10), Discriminator(n_classes=10)
        train_gan(G, D, X, y, steps=2000, seed=seed)
        sure, share, read = verdict(G, z, wanted)
        note(conditional_sure=sure, conditional_as_wanted=(read == wanted).float().mean())
        note(**_collapse(X, z, verdict, seed))
        print(f"seed {seed}:", {claim: round(values[-1], 3) for claim, values in found.items()})
    return found


def _digits_and_verdict():
    """Return MNIST's images and labels, and what the CNN of notebook 4 says of a generator's."""
    from d4sci.cnn import CNN
    from d4sci.data import load_mnist, load_weights

    images, labels = load_mnist("train")
    reader = CNN().eval()
    reader.load_state_dict(load_weights("mnist-cnn.pt"))

    def verdict(G, z, *wanted):
        with torch.no_grad():
            pictures = G.eval()(z, *wanted)
            logits = torch.cat([reader(part) for part in pictures.split(1000)])
        sure, read = logits.softmax(1).max(1)
        return (sure > 0.9).float().mean(), read.bincount(minlength=10) / len(read), read

    return images[:, None].float() / 255, labels, verdict


def _collapse(X, z, verdict, seed):
    """Let G take twenty steps for each step of D; return the bits of its digits and its variety."""
    from d4sci.gan import Discriminator, Generator, discriminator_step, generator_step

    torch.manual_seed(seed)
    G, D = Generator(), Discriminator()
    optimizer_g = torch.optim.Adam(G.parameters(), 3e-3, betas=(0.5, 0.999))
    optimizer_d = torch.optim.Adam(D.parameters(), 1e-3, betas=(0.5, 0.999))
    for _ in range(30):
        real = X[torch.randint(len(X), (32,))]
        discriminator_step(D, optimizer_d, real, G(torch.randn(32, 64)))
        for _ in range(20):
            generator_step(D, optimizer_g, G(torch.randn(32, 64)))
    _, share, _ = verdict(G, z)
    with torch.no_grad():
        variety = torch.pdist(G(z[:300]).flatten(1)).mean() / torch.pdist(X[:300].flatten(1)).mean()
    bits = -(share * share.clamp(min=1e-9).log2()).sum()
    return {"collapsed_bits": bits, "collapsed_variety": variety}


def lines_of(found):
    """Return the table's lines, a claim each."""
    lines = []
    for claim, values in found.items():
        ordered = sorted(values)
        middle = ordered[len(ordered) // 2]
        lines.append(f"| {claim} | {ordered[0]:.3f} | {middle:.3f} | {ordered[-1]:.3f} |")
    return lines


HEAD = """| claim | least | median | most |
|---|---|---|---|"""
