"""sampled.py CAUGHT PACKETS PART NAME...: whether each interface has as many samples as taking PACKETS of its packets one in its
speed in Mb/s over PART gives by chance, and whether all tell that rate. Prints a line an interface that has not, and how
likely the least likely of all is."""
import json, math, sys

packets, part = map(int, sys.argv[2:4])
wanted = {}
for name in sys.argv[4:]:
    index, speed = (int(open('/sys/class/net/%s/%s' % (name, what)).read()) for what in ('ifindex', 'speed'))
    wanted['0:%d' % index] = (name, speed // part)
seen = {source: [] for source in wanted}
for line in filter(lambda line: line.endswith("\n"), open(sys.argv[1])):
    for sample in json.loads(line)['samples']:
        if sample['tag'] == 3 and sample['source'] in seen:
            seen[sample['source']].append(sample)


def likely(count, n, p):
    """The chance of so many or more of n, or of so many or fewer, whichever is less: the binomial's tail."""
    def at(k):
        return math.exp(math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) + k * math.log(p) + (n - k) * math.log1p(-p))
    total, k, step = 0, count, 1 if count > n * p else -1
    while 0 <= k <= n and ((term := at(k)) > total * 1e-6 or k == count):
        total, k = total + term, k + step
    return total


problems, least = [], 1
for source, (name, rate) in wanted.items():
    samples = seen[source]
    others = {sample['rate'] for sample in samples} - {rate}
    chance = likely(len(samples), packets, 1 / rate)
    least = min(least, chance)
    if others or chance < 1e-7:
        problems.append('%s: %d samples of %d packets at 1 in %d, chance %.1g, other rates %s' % (
            name, len(samples), packets, rate, chance, sorted(others)))
    if any(sample['input'] != int(source[2:]) for sample in samples):
        problems.append('%s: an input that is not its own' % name)
print('\n'.join(problems + ['the least likely %.1g' % least]))
sys.exit(bool(problems))
