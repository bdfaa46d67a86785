"""With this folder on PYTHONPATH, no Python process, kernels included, gets beyond the loopback."""

import socket

LOOPBACK = ("127.", "::1", "localhost")


def blocked(original, position):
    """Return the method, refusing addresses of other machines in the argument at `position`."""

    def method(self, *arguments):
        address = arguments[position]
        if isinstance(address, tuple) and not str(address[0]).startswith(LOOPBACK):
            raise OSError(f"the network is cut: {address}")
        return original(self, *arguments)

    return method


def getaddrinfo(host, *arguments, original=socket.getaddrinfo, **options):
    """Resolve only this machine's names."""
    name = host.decode() if isinstance(host, bytes) else host
    if name and not name.startswith((*LOOPBACK, "0.0.0.0", "::")):
        raise socket.gaierror(f"the network is cut: {name}")
    return original(host, *arguments, **options)


for name in ("connect", "connect_ex", "sendto"):
    setattr(socket.socket, name, blocked(getattr(socket.socket, name), -1))
socket.getaddrinfo = getaddrinfo
