"""asic.py ORDERS ANSWERS: the chip of a switch made of taps. Reads orders from one pipe, writes "ok" or what went wrong to the other.

  add NAME Mb/s    a port appears, with link
  del NAME         it goes
  speed NAME Mb/s  it has another
  link NAME 0|1    its cable
  send NAME COUNT  frames arrive on it, 100 bytes each
  send-all COUNT   on every port in turn, so that all are busy at once

A port lives as long as this program: when it is killed, all go at once, as with a chip that is reloaded."""
import ctypes, fcntl, os, socket, struct, sys

TUNSETIFF, TUNSETCARRIER, SIOCSIFFLAGS, SIOCETHTOOL, ETHTOOL_SSET = 0x400454CA, 0x400454E2, 0x8914, 0x8946, 2
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
ports = {}


def frame(number):
    """From a host behind the port to one that nobody has."""
    return bytes([2, 0, 0, 1, number >> 8, number & 255, 2, 0, 0, 2, number >> 8, number & 255, 0x88, 0xB5]) + bytes(86)


def add(name, speed):
    port = os.open('/dev/net/tun', os.O_RDWR)
    fcntl.ioctl(port, TUNSETIFF, struct.pack('16sH', name.encode(), 0x1002))
    set_speed(name, speed)
    fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack('16sH', name.encode(), 1))
    ports[name] = (port, frame(len(ports)))


def set_speed(name, speed):
    """struct ethtool_cmd: full duplex, no negotiation."""
    block = bytearray(struct.pack('=IIIHBBBBBBIIHBBIII', ETHTOOL_SSET, 0, 0, int(speed) & 0xFFFF, 1, *[0] * 7, int(speed) >> 16, *[0] * 5))
    pinned = (ctypes.c_char * len(block)).from_buffer(block)
    fcntl.ioctl(sock, SIOCETHTOOL, struct.pack('16sP', name.encode(), ctypes.addressof(pinned)))


def order(verb, *words):
    if verb == 'add':
        add(*words)
    elif verb == 'del':
        os.close(ports.pop(words[0])[0])
    elif verb == 'speed':
        set_speed(*words)
    elif verb == 'link':
        fcntl.ioctl(ports[words[0]][0], TUNSETCARRIER, struct.pack('i', int(words[1])))
    elif verb == 'send':
        port, data = ports[words[0]]
        for _ in range(int(words[1])):
            os.write(port, data)
    elif verb == 'send-all':
        for _ in range(int(words[0])):
            for port, data in ports.values():
                os.write(port, data)
    else:
        raise ValueError('no such order')


# Each open for both ways: neither ends while the other side comes and goes.
orders, answers = (os.fdopen(os.open(path, os.O_RDWR), 'r' if n == 0 else 'w') for n, path in enumerate(sys.argv[1:]))
for line in orders:
    try:
        order(*line.split())
        answer = 'ok'
    except Exception as e:
        answer = '%s: %s' % (line.strip(), e)
    print(answer, file=answers, flush=True)
