"""What VPP's sFlow plug-in sends, on command.

In, a line each:  interface VPP-INDEX OS-INDEX|- NAME SPEED OCTETS PACKETS
                  status DROPS
                  packet GROUP FIRST-NUMBER IN OUT RATE COUNT
                  restart
Out: netlink messages, by the same ways as the plug-in: messages to group 29 of NETLINK_USERSOCK, packets as messages of the
family psample to its group "packets".
"""
import socket, struct, sys

USERSOCK, GENERIC = 2, 16
usersock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, USERSOCK)
generic = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, GENERIC)
generic.bind((0, 0))


def attribute(kind, value):
    if isinstance(value, tuple):
        value = struct.pack(*value)
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def message(kind, payload, flags=0):
    return struct.pack("=IHHII", 16 + len(payload), kind, flags, 0, 0) + payload


def attributes(block):
    while len(block) >= 4:
        length, kind = struct.unpack_from("=HH", block)
        yield kind & 0x3FFF, block[4:length]
        block = block[(length + 3) & ~3:]


def family():
    """The number of psample, and of its group."""
    generic.send(message(16, struct.pack("=BBH", 3, 1, 0) + attribute(2, b"psample\0"), 1))
    answer = dict(attributes(generic.recv(65536)[20:]))
    for _, group in attributes(answer[7]):
        group = dict(attributes(group))
        if group[1] == b"packets\0":
            return struct.unpack("=H", answer[1])[0], struct.unpack("=I", group[2])[0]


def to_programs(kind, payload):
    global sequence
    sequence += 1
    try:
        usersock.sendto(message(kind, payload + attribute(23, ("=I", sequence))), (0, 1 << 28))
    except ConnectionRefusedError:
        pass  # nobody takes a multicast for itself, and yet it is delivered


number, group = family()
sequence = 0
frame = bytes.fromhex("020000000002020000000001" "0800") + bytes.fromhex("45000056000000004011000000000000" "00000000") + bytes(66)
for line in sys.stdin:
    command, *words = line.split()
    if command == "interface":
        index, os_index, name, speed, octets, packets = words
        payload = attribute(0, name.encode()) + attribute(1, ("=I", int(index)))
        if os_index != "-":
            payload += attribute(21, ("=I", int(os_index)))
        payload += attribute(3, ("=Q", int(speed))) + attribute(2, ("=I", 6)) + attribute(4, ("=I", 1))
        payload += attribute(5, ("=I", 1)) + attribute(6, ("=I", 1))
        payload += attribute(7, ("=Q", int(octets))) + attribute(9, ("=Q", int(packets)))
        to_programs(2, payload + attribute(19, bytes([2, 0, 0, 0, 0, 1])))
    elif command == "status":
        to_programs(1, attribute(20, ("=I", 77)) + attribute(22, ("=I", int(words[0]))))
    elif command == "restart":
        sequence = 0
    elif command == "packet":
        which, first, came, goes, rate, count = map(int, words)
        for n in range(first, first + count):
            payload = attribute(3, ("=I", which)) + attribute(0, ("=I", came)) + attribute(1, ("=I", goes))
            payload += attribute(2, ("=I", len(frame))) + attribute(4, ("=I", n)) + attribute(5, ("=I", rate))
            payload += attribute(6, frame) + attribute(14, ("=H", 1))
            generic.sendto(message(number, struct.pack("=BBH", 0, 1, 0) + payload), (0, 1 << (group - 1)))
