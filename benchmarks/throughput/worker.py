"""``python -m benchmarks.throughput.worker``: serves framing's own systems and the peers."""

from benchmarks.throughput.peers import PEERS
from framing.benchmark.worker import OWN_SYSTEMS, serve

if __name__ == "__main__":
    serve({**OWN_SYSTEMS, **PEERS})
