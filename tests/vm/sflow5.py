"""sflow5.py PORT: receives sFlow v5 on 127.0.0.1 and prints each datagram as one line of JSON.

Written from the specification for the machine tests, on purpose without any code of the programs under test. Knows
counters samples, flow samples, samples of dropped packets, and the records that the tests look at; other records are
listed by their numbers."""
import json, socket, struct, sys, time, uuid

GENERIC = ('ifIndex', 'ifType', 'ifSpeed', 'ifDirection', 'ifStatus', 'inOctets', 'inUcast', 'inMulticast', 'inBroadcast',
           'inDiscards', 'inErrors', 'inUnknown', 'outOctets', 'outUcast', 'outMulticast', 'outBroadcast', 'outDiscards',
           'outErrors', 'promiscuous')
FIELDS = {      # record -> names and struct format
    1: (GENERIC, '>IIQIIQIIIIIIQIIIIII'),
    1036: (('queue',), '>I'),
    1039: (('delay',), '>I'),
    1040: (('depth',), '>I'),
    1043: (('nanoseconds',), '>Q'),
    2002: (('class', 'index'), '>II'),
    2101: (('state', 'cpuTime', 'cpus'), '>III'),
    2102: (('memory', 'maxMemory'), '>QQ'),
    2103: (('capacity', 'allocation', 'available', 'reads', 'bytesRead', 'writes', 'bytesWritten', 'errors'), '>QQQIQIQI'),
    2005: (('total', 'free', 'maxUsed', 'reads', 'bytesRead', 'readTime', 'writes', 'bytesWritten', 'writeTime'), '>QQIIQIIQI'),
    2006: (('bytesIn', 'packetsIn', 'errorsIn', 'dropsIn', 'bytesOut', 'packetsOut', 'errorsOut', 'dropsOut'), '>QIIIQIII'),
}

HEADS = {       # sample -> what stands between its data source and its records
    1: ('rate', 'pool', 'drops', 'input', 'output'),
    2: (),
    3: ('rate', 'pool', 'drops', 'inputFormat', 'input', 'outputFormat', 'output'),
    4: (),
    5: ('drops', 'input', 'output', 'reason'),
}


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, length):
        if self.at + length > len(self.data):
            raise ValueError('ends at %d of %d bytes' % (len(self.data), self.at + length))
        self.at += length
        return self.data[self.at - length:self.at]

    def u32(self):
        return struct.unpack('>I', self.take(4))[0]

    def opaque(self):
        length = self.u32()
        data = self.take(length)
        if any(self.take(-length % 4)):
            raise ValueError('padding is not zero')
        return data


def record(number, body, flow=False):
    if number in FIELDS and not (flow and number == 1):
        names, layout = FIELDS[number]
        return dict(zip(names, struct.unpack(layout, body)))
    r = Reader(body)
    if flow and number == 1:
        return dict(protocol=r.u32(), frameLength=r.u32(), stripped=r.u32(), bytes=r.opaque().hex())
    if number == 2210:
        return '%d:%d %d:%d' % (r.u32(), r.u32(), r.u32(), r.u32())
    if number in (1038, 1042):
        return r.opaque().decode()
    if number == 10:
        names = ('index', 'bias', 'tx', 'txMin', 'txMax', 'txWavelength', 'rx', 'rxMin', 'rxMax', 'rxWavelength')
        head = dict(module=r.u32(), lanes=r.u32(), voltage=r.u32(), temperature=struct.unpack('>i', r.take(4))[0])
        return dict(head, list=[dict(zip(names, [r.u32() for _ in names])) for _ in range(r.u32())])
    if number == 1041:
        return [r.opaque().decode(), r.opaque().decode()]
    if number == 1005:
        return r.opaque().decode()
    if number == 2202:      # application counters and operations both begin with the application's name
        return r.opaque().decode()
    if number == 2000:
        return dict(hostname=r.opaque().decode(), uuid=str(uuid.UUID(bytes=r.take(16))), machine=r.u32(), os=r.u32(),
                    release=r.opaque().decode())
    if number == 7:
        names = ('lacpRx', 'markerRx', 'markerResponseRx', 'unknownRx', 'illegalRx', 'lacpTx', 'markerTx', 'markerResponseTx')
        lacp = dict(actor=r.take(8)[:6].hex(':'), partner=r.take(8)[:6].hex(':'), aggregate=r.u32(), state=r.take(4).hex())
        return lacp | {name: r.u32() for name in names}
    if number == 2001:
        return [dict(ifIndex=r.u32(), macs=[r.take(8)[:6].hex(':') for _ in range(r.u32())]) for _ in range(r.u32())]
    return None


def sample(r):
    tag, body = r.u32(), Reader(r.opaque())
    if tag not in HEADS:
        return dict(tag=tag)
    sequence, source = body.u32(), body.u32()
    pair = (source >> 24, source & 0xffffff) if tag < 3 else (source, body.u32())   # those below 3 are compact
    s = dict(tag=tag, sequence=sequence, source='%d:%d' % pair)
    s.update((name, body.u32()) for name in HEADS[tag])
    s['records'] = {}
    for _ in range(body.u32()):
        number = body.u32()
        s['records'][str(number)] = record(number, body.opaque(), flow=tag not in (2, 4))
    return s


def datagram(data):
    r = Reader(data)
    if r.u32() != 5:
        raise ValueError('not version 5')
    family = socket.AF_INET if r.u32() == 1 else socket.AF_INET6
    d = dict(agent=socket.inet_ntop(family, r.take(4 if family == socket.AF_INET else 16)), subAgent=r.u32(),
             sequence=r.u32(), uptime=r.u32(), bytes=len(data))
    d['samples'] = [sample(r) for _ in range(r.u32())]
    if r.at != len(data):
        raise ValueError('%d bytes after the last sample' % (len(data) - r.at))
    return d


s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, 33, 32 << 20)   # SO_RCVBUFFORCE: a slow machine must not lose datagrams
s.bind((sys.argv[2] if len(sys.argv) > 2 else '127.0.0.1', int(sys.argv[1])))
print('listening', file=sys.stderr, flush=True)
while True:
    data = s.recv(65536)
    try:
        print(json.dumps(dict(datagram(data), at=round(time.monotonic(), 3))), flush=True)
    except (ValueError, struct.error) as e:
        print(json.dumps(dict(malformed=str(e), bytes=data.hex(), samples=[])), flush=True)
