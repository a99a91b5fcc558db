"""interfaces.py CAUGHT [NAME...]: compares the newest interface sample of each of the machine's interfaces, but those
named and loopback, with what `ip -j -s -d link` and sysfs say; also that no other interface is reported. For a
machine at rest: prints a line a difference, and fails if there is one."""
import json, subprocess, sys

caught, left_out = sys.argv[1], set(sys.argv[2:]) | {'lo'}
newest = {}
for line in filter(lambda line: line.endswith("\n"), open(caught)):
    for s in json.loads(line)['samples']:
        if s.get('source', '').startswith('0:'):
            newest[int(s['source'][2:])] = s['records']

links = json.loads(subprocess.run(['ip', '-j', '-s', '-d', 'link'], capture_output=True, check=True).stdout)
problems = []


def same(name, field, got, want):
    if got != want:
        problems.append('%s: %s is %s, the kernel says %s' % (name, field, got, want))


def known(*values):
    """The sum of those 32-bit counters that are not "unknown"."""
    return sum(v for v in values if v != 0xFFFFFFFF)


def speed(name):
    try:
        return max(0, int(open('/sys/class/net/%s/speed' % name).read())) * 1000000
    except OSError:
        return 0


for link in links:
    name, records = link['ifname'], newest.pop(link['ifindex'], None)
    if name in left_out:
        continue
    if records is None:
        problems.append('%s: no sample' % name)
        continue
    g, rx, tx, flags = records['1'], link['stats64']['rx'], link['stats64']['tx'], link['flags']
    up = 'UP' in flags
    same(name, 'name', records.get('1005'), name)
    same(name, 'ifIndex', g['ifIndex'], link['ifindex'])
    same(name, 'status', g['ifStatus'], up | (up and 'NO-CARRIER' not in flags) << 1)
    same(name, 'speed', g['ifSpeed'], speed(name))
    same(name, 'octets in', g['inOctets'], rx['bytes'])
    same(name, 'octets out', g['outOctets'], tx['bytes'])
    same(name, 'packets in', known(g['inUcast'], g['inMulticast'], g['inBroadcast']), rx['packets'])
    same(name, 'packets out', known(g['outUcast'], g['outMulticast'], g['outBroadcast']), tx['packets'])
    same(name, 'errors', (g['inErrors'], g['outErrors']), (rx['errors'], tx['errors']))
    same(name, 'discards', (g['inDiscards'], g['outDiscards']), (rx['dropped'], tx['dropped']))
print('\n'.join(problems) or '%d interfaces agree' % (len(links) - len(left_out)))
sys.exit(bool(problems))
