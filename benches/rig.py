"""What the benchmarks of whole processes share: processes measured by the kernel's accounting, and rows of figures."""
import glob, os, re, statistics, subprocess, sys, time


def numbers(text):
    return [float(word) for word in text.split()]


def wait_for(what, condition, secs=60):
    deadline = time.monotonic() + secs
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    sys.exit('waited %d s in vain for %s' % (secs, what))


def run(line, **more):
    return subprocess.run(line.split() if isinstance(line, str) else line, check=True, text=True, **more)


class Process:
    """A receiver on the last core."""

    def __init__(self, command):
        command = ['taskset', '-c', str(os.cpu_count() - 1)] + command
        self.proc = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def cpu_ms(self):
        tasks = glob.glob('/proc/%d/task/*/schedstat' % self.proc.pid)
        return sum(numbers(open(task).read())[0] for task in tasks) / 1e6

    def wakeups(self):
        tasks = glob.glob('/proc/%d/task/*/status' % self.proc.pid)
        return sum(int(re.search(r'^voluntary_ctxt_switches:\s*(\d+)', open(t).read(), re.M).group(1)) for t in tasks)

    def memory_kib(self, what='Rss'):
        text = open('/proc/%d/smaps_rollup' % self.proc.pid).read()
        return int(re.search(r'^%s:\s*(\d+)' % what, text, re.M).group(1))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.proc.terminate()
        self.proc.wait()


def median(runs, key):
    return statistics.median(run[key] for run in runs)


def row(quick, what, unit, ours, floor, goal=None, table=None, most=False):
    if quick:
        return print('works: ' + what, flush=True)
    ratio = drift = verdict = ''
    if floor:
        ratio, off = '  floor %8.4g %5.2fx' % (floor, ours / floor), table and floor / table - 1
        drift = '  table %.4g%s' % (table, '' if abs(off) <= 0.25 else ' (floor %+.0f %%: not comparable)' % (100 * off)) if table else ''
    goal = goal or (table and floor and 'x')
    if goal == 'x':
        goal = 1.2 * floor
    if goal:
        verdict = '  goal %.4g %s' % (goal, 'met' if (ours >= goal if most else ours <= goal) else 'MISSED')
    print('%-46s %8.4g %s%s%s%s' % (what, ours, unit, ratio, drift, verdict), flush=True)
