"""Run a command without a network: `python offline.py COMMAND...`, inside `unshare --net`.

There only the loopback is left, and it is down: this brings it up, as kernels need it, shows that
nothing else can be reached, and then becomes the command.
"""

import os
import socket
import struct
import sys
import time

SIOCSIFFLAGS, IFF_UP = 0x8914, 1  # from Linux's headers; `ip` may be missing


def raise_loopback():
    """Do `ip link set lo up`."""
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def show_cut():
    """Raise unless connections and names fail at once, and the loopback works."""
    for reach in (
        lambda: socket.create_connection(("192.0.2.1", 443), timeout=5),
        lambda: socket.create_connection(("2001:db8::1", 443), timeout=5),
        lambda: socket.create_connection(("example.com", 443), timeout=5),
    ):
        start = time.monotonic()
        try:
            reach()
        except TimeoutError:
            raise SystemExit("the network is slow, not cut") from None
        except OSError as error:
            print(f"cut after {time.monotonic() - start:.3f} s: {error}", flush=True)
        else:
            raise SystemExit("the network is not cut")
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()


if __name__ == "__main__":
    if os.environ.get("NETWORK_CUT_BY") == "namespace":
        raise_loopback()
    show_cut()
    os.execvp(sys.argv[1], sys.argv[1:])
