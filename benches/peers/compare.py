#!/usr/bin/env python3
"""Times harmonium and its peers by turns, each as it comes, on one machine in one run.

    cargo build --release
    cargo build --release --manifest-path benches/peers/burn/Cargo.toml    # Burn, where it is wanted; for GPUs
                                                                           # with --features wgpu
    python3 benches/peers/compare.py [--rounds 9] [--device cpu|cuda] [--json FILE] [WORK ...]

The peers are PyTorch (eager; where --device cuda also torch.compile), rbms (PyPI; machines on PyTorch), scikit-learn's
BernoulliRBM, which learns by PCD-1, and Burn (on ndarray; where --device cuda on wgpu). What is not installed or built
is said to be not measured. For each work and round first harmonium runs, then each peer, on random data that are not
zero, and each is waited for. The table shows the median of the rounds' medians and the median, least and largest of the
rounds' ratios (their time by ours: above 1 harmonium is faster).
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("work", nargs="*", help="parts of the works' names; all where none is given")
parser.add_argument("--rounds", type=int, default=9)
parser.add_argument("--seconds", type=float, default=0.5, help="of each side in each round")
parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"], help="cuda: harmonium runs on its hardware GPU")
parser.add_argument("--threads", type=int, default=os.cpu_count())
parser.add_argument("--harmonium", default="target/release/harmonium")
parser.add_argument("--burn", default=os.path.join(os.path.dirname(__file__), "burn/target/release/burn-peer"))
parser.add_argument("--json", help="write the figures to this file too")
options = parser.parse_args()

# Why a peer is not measured that could be, where it is not that it is not installed.
WHY_NOT = {}
try:
    import torch

    torch.set_num_threads(options.threads)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    device = torch.device(options.device)
    if options.device == "cuda" and not torch.cuda.is_available():
        WHY_NOT.update(dict.fromkeys(("PyTorch", "rbms"), "PyTorch sees no CUDA device"))
        torch = None
except ImportError:
    torch = None

try:
    import importlib.metadata

    import rbms
    from rbms.bernoulli_bernoulli.classes import BBRBM
    from rbms.training.pcd import fit_batch_pcd
except ImportError:
    rbms = None

try:
    import sklearn
    from sklearn.neural_network import BernoulliRBM
except ImportError:
    sklearn = None

VISIBLE, HIDDEN = 784, 500


def wait():
    if options.device == "cuda":
        torch.cuda.synchronize()


def bits(rows, columns):
    return (torch.rand(rows, columns, device=device) < 0.25).float()


def contrastive_divergence(visible, hidden, batch, steps=1, persistent=False):
    """An update with momentum and weight decay, as harmonium's default has them."""
    with torch.no_grad():
        w = torch.randn(visible, hidden, device=device) * 0.01
        b, a = torch.zeros(visible, device=device), torch.zeros(hidden, device=device)
        velocities = [torch.zeros_like(t) for t in (w, b, a)]
        data, chains = bits(batch, visible), bits(batch, visible)
    state = {"v": chains}

    def hidden_of(v):
        return torch.sigmoid(torch.addmm(a, v, w))

    @torch.no_grad()
    def update():
        p0 = hidden_of(data)
        h = torch.bernoulli(hidden_of(state["v"])) if persistent else torch.bernoulli(p0)
        for step in range(steps):
            v = torch.bernoulli(torch.sigmoid(torch.addmm(b, h, w.t())))
            p = hidden_of(v)
            if step + 1 < steps:
                h = torch.bernoulli(p)
        state["v"] = v
        gradients = (
            torch.addmm(torch.mm(data.t(), p0), v.t(), p, alpha=-1),
            (data - v).sum(0),
            (p0 - p).sum(0),
        )
        for t, velocity, gradient, decay in zip((w, b, a), velocities, gradients, (1e-4, 0, 0)):
            velocity.mul_(0.5).add_(gradient, alpha=0.05 / batch)
            if decay:
                velocity.add_(t, alpha=-0.05 * decay)
            t.add_(velocity)

    return update


def gibbs(chains, steps):
    w = torch.randn(VISIBLE, HIDDEN, device=device) * 0.01
    b, a = torch.zeros(VISIBLE, device=device), torch.zeros(HIDDEN, device=device)
    state = {"v": bits(chains, VISIBLE)}

    @torch.no_grad()
    def run():
        v = state["v"]
        for _ in range(steps):
            h = torch.bernoulli(torch.sigmoid(torch.addmm(a, v, w)))
            v = torch.bernoulli(torch.sigmoid(torch.addmm(b, h, w.t())))
        state["v"] = v

    return run


def matmul(n):
    x, y, out = (torch.rand(n, n, device=device) for _ in range(3))
    return lambda: torch.mm(x, y, out=out)


def trained(net, loss, optimizer, batches):
    def epoch():
        for x, y in batches:
            optimizer.zero_grad(set_to_none=True)
            loss(net(x), y).backward()
            optimizer.step()

    return epoch


def lenet5():
    """Ten steps of batch 128, as harmonium's case has them."""
    nn = torch.nn
    net = nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10),
    ).to(device)
    batches = [
        (torch.rand(128, 1, 32, 32, device=device), torch.randint(10, (128,), device=device)) for _ in range(10)
    ]
    return trained(net, nn.CrossEntropyLoss(), torch.optim.SGD(net.parameters(), 1e-4, momentum=0.9), batches)


def autoencoder():
    nn = torch.nn
    sizes = [784, 1000, 500, 250, 30]
    layers = []
    for x, y in zip(sizes, sizes[1:]):
        layers += [nn.Linear(x, y), nn.Sigmoid()]
    layers.pop()
    for x, y in zip(sizes[::-1], sizes[-2::-1]):
        layers += [nn.Linear(x, y), nn.Sigmoid()]
    layers.pop()
    net = nn.Sequential(*layers).to(device)
    x = torch.rand(1000, 784, device=device)
    loss = nn.BCEWithLogitsLoss(reduction="sum")
    return trained(net, lambda y, t: loss(y, t) / len(t), torch.optim.Adam(net.parameters(), 1e-4), [(x, x)])


def scikit_learn(batch):
    """An epoch of one batch: PCD-1, without momentum and decay."""
    import numpy

    v = (numpy.random.default_rng(1).random((batch, VISIBLE)) < 0.25).astype(numpy.float32)
    rbm = BernoulliRBM(n_components=HIDDEN, batch_size=batch, n_iter=1, random_state=1)
    rbm.fit(v)
    numbers = numpy.random.RandomState(1)
    return lambda: rbm._fit(v, numbers)


def by_rbms(batch, steps=1, persistent=False):
    """An update as rbms.training.pcd.train does it, without what it writes to a file; no momentum and decay."""
    weights = torch.randn(VISIBLE, HIDDEN, device=device) * 0.01
    machine = BBRBM(weights, torch.zeros(VISIBLE, device=device), torch.zeros(HIDDEN, device=device))
    for t in machine.parameters():
        t.grad = torch.zeros_like(t)
    optimizer = torch.optim.SGD(machine.parameters(), lr=0.05, maximize=True)
    v, ones = bits(batch, VISIBLE), torch.ones(batch, device=device)
    state = {"chains": machine.init_chains(batch, weights=ones, start_v=bits(batch, VISIBLE))}

    @torch.no_grad()
    def update():
        optimizer.zero_grad(set_to_none=False)
        if not persistent:
            state["chains"] = machine.init_chains(batch, weights=ones, start_v=v)
        state["chains"], _ = fit_batch_pcd((v, ones), state["chains"], machine, steps, 1.0, centered=False)
        optimizer.step()

    return update


# On a GPU Burn runs on wgpu, as harmonium does.
BURN, BURN_BACKEND = ("Burn", "ndarray") if options.device == "cpu" else ("Burn (wgpu)", "wgpu")


def burn(*arguments):
    """What the program of benches/peers/burn says; none where it is not built, or not for this backend."""
    if not os.access(options.burn, os.X_OK):
        return None
    environment = dict(os.environ, RAYON_NUM_THREADS=str(options.threads), MATMUL_NUM_THREADS=str(options.threads))
    line = [options.burn, BURN_BACKEND, *arguments]
    done = subprocess.run(line, env=environment, capture_output=True, text=True)
    if done.returncode == 2 and arguments == ("--version",):
        return None
    if done.returncode != 0:
        raise SystemExit(f"{options.burn}: {done.stderr}")
    return done.stdout.strip()


# Of each work harmonium's name, and the peers' functions; Burn knows works by their names.
WORKS = [
    ("matmul 1024x1024x1024 NN", {"PyTorch": lambda: matmul(1024), BURN: None}),
    ("matmul 4096x4096x4096 NN", {"PyTorch": lambda: matmul(4096), BURN: None}),
    (
        "rbm_step CD-1 784x500 B10",
        {"PyTorch": lambda: contrastive_divergence(784, 500, 10), "rbms": lambda: by_rbms(10)},
    ),
    (
        "rbm_step CD-1 784x500 B128",
        {"PyTorch": lambda: contrastive_divergence(784, 500, 128), "rbms": lambda: by_rbms(128)},
    ),
    (
        "rbm_step CD-1 784x500 B1024",
        {"PyTorch": lambda: contrastive_divergence(784, 500, 1024), "rbms": lambda: by_rbms(1024)},
    ),
    (
        "rbm_step PCD-1 784x500 B128",
        {
            "PyTorch": lambda: contrastive_divergence(784, 500, 128, 1, True),
            "rbms": lambda: by_rbms(128, persistent=True),
            "scikit-learn": lambda: scikit_learn(128),
        },
    ),
    (
        "rbm_step CD-25 784x500 B128",
        {"PyTorch": lambda: contrastive_divergence(784, 500, 128, 25), "rbms": lambda: by_rbms(128, 25)},
    ),
    ("gibbs 1000 chains x 10 steps", {"PyTorch": lambda: gibbs(1000, 10)}),
    ("lenet5_step compared", {"PyTorch": lenet5, BURN: None}),
    ("autoencoder_step 784-1000-500-250-30 B1000", {"PyTorch": autoencoder, BURN: None}),
]


# The peers that are here, with their versions; scikit-learn knows no GPU.
VERSIONS = {
    "PyTorch": torch and torch.__version__,
    "rbms": torch and rbms and importlib.metadata.version("rbms"),
    "scikit-learn": sklearn and sklearn.__version__,
    BURN: burn("--version"),
}
WHY_NOT[BURN] = "not built" if BURN_BACKEND == "ndarray" else "not built with --features wgpu"
if options.device == "cuda":
    VERSIONS["scikit-learn"] = None
    WHY_NOT["scikit-learn"] = "knows no GPU"


def measures(name, makers):
    """Of each peer that is here and does this work a function that measures it once: its median seconds."""
    found = {}
    for peer, make in makers.items():
        if not VERSIONS[peer]:
            continue
        if peer == BURN:
            found[peer] = lambda: float(burn(name, str(options.seconds)))
            continue
        call = make()
        found[peer] = lambda call=call: theirs(call)
        if peer == "PyTorch" and options.device == "cuda":
            compiled = torch.compile(make())
            found["torch.compile"] = lambda: theirs(compiled)
    return found


def ours(work):
    """The median seconds of harmonium's case of just this name, and its device; none where it has no such case."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        selector = "cpu" if options.device == "cpu" else "auto"
        line = [options.harmonium, "bench", work, "--device", selector, "--seconds", str(options.seconds)]
        environment = dict(os.environ, RAYON_NUM_THREADS=str(options.threads))
        done = subprocess.run(line + ["--json", file.name], env=environment, capture_output=True, text=True)
        if done.returncode == 2:
            return None
        if done.returncode != 0:
            raise SystemExit(done.stderr)
        found = json.load(open(file.name))["devices"][0]
    if options.device == "cuda" and found["device"]["kind"] != "hardware":
        raise SystemExit(f"harmonium found no hardware GPU: {found['device']}")
    for case in found["results"]:
        if f"{case['part']} {case['case']}" == work:
            return case["seconds"], found["device"]
    return None


def theirs(call):
    """The median seconds of a call."""
    call()
    wait()
    start, samples = time.perf_counter(), []
    while len(samples) < 5 or time.perf_counter() - start < options.seconds:
        first = time.perf_counter()
        call()
        wait()
        samples.append(time.perf_counter() - first)
    return statistics.median(samples)


def main():
    rows, where = [], None
    for name, makers in WORKS:
        if options.work and not any(word.lower() in name.lower() for word in options.work):
            continue
        peers = measures(name, makers)
        measured = {peer: [] for peer in peers}
        own = []
        for _ in range(options.rounds):
            found = ours(name)
            if found is None:
                break
            own.append(found[0])
            where = found[1]
            for peer, measure in peers.items():
                measured[peer].append(measure())
        if not own:
            rows.append((name, [], "none", []))
            continue
        if not peers:
            rows.append((name, own, "none", []))
        rows += [(name, own, peer, times) for peer, times in measured.items()]
    versions = [f"{peer} {version}" for peer, version in VERSIONS.items() if version]
    missing = [peer for peer, version in VERSIONS.items() if not version]
    print(f"harmonium on {where['name']} ({where['backend']})" if where else "nothing was measured")
    told = ", ".join(versions) or "no peer"
    print(f"{told}, {options.threads} threads, {options.rounds} rounds, {platform.platform()}")
    for name in missing:
        print(f"{name}: {WHY_NOT.get(name, 'not installed')}, not measured")
    print("\n| work | harmonium, ms | peer | its ms | ratio: median, least, largest |\n|---|---|---|---|---|")
    for name, own, peer, times in rows:
        mine = f"{1e3 * statistics.median(own):.3g}" if own else "not measured"
        if not times:
            print(f"| {name} | {mine} | – | not measured | – |")
            continue
        ratios = [y / x for x, y in zip(own, times)]
        told = f"{statistics.median(ratios):.2f}, {min(ratios):.2f}, {max(ratios):.2f}"
        print(f"| {name} | {mine} | {peer} | {1e3 * statistics.median(times):.3g} | {told} |")
    if options.json:
        keys = ("work", "harmonium", "peer", "seconds")
        content = {"device": where, "versions": versions, "rows": [dict(zip(keys, row)) for row in rows]}
        with open(options.json, "w") as file:
            json.dump(content, file, indent=1)


main()
