/* The floor under the agent's idle figures: the unavoidable kernel work of one poll, and nothing else.
 * One pread for each counter file, one statvfs for each local file system, one batched netlink request for the
 * statistics of the given interfaces, one send for each full datagram, one timer wait. No parsing, no encoding.
 *
 *   floor POLLING-SECONDS PORT INTERFACES    (ifIndexes 1..INTERFACES are asked; 0 asks one dump-less request)
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/timerfd.h>
#include <unistd.h>

static const char *const FILES[] = {
    "/proc/stat",    "/proc/loadavg",   "/proc/uptime",   "/proc/meminfo",        "/proc/vmstat",
    "/proc/diskstats", "/proc/net/snmp", "/proc/cpuinfo", "/proc/self/mountinfo",
};
#define NFILES (sizeof FILES / sizeof FILES[0])
#define BATCH 256

static char buffer[BATCH][2048];
static char text[65536];

static int netlink_statistics(int fd, int first, int count) {
    struct {
        struct nlmsghdr h;
        struct if_stats_msg m;
    } req[BATCH];
    memset(req, 0, sizeof req[0] * (size_t)count);
    for (int i = 0; i < count; i++) {
        req[i].h.nlmsg_len = sizeof req[0];
        req[i].h.nlmsg_type = RTM_GETSTATS;
        req[i].h.nlmsg_flags = NLM_F_REQUEST;
        req[i].m.ifindex = (unsigned)(first + i);
        req[i].m.filter_mask = IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64);
    }
    if (send(fd, req, sizeof req[0] * (size_t)count, 0) < 0) return -1;
    struct mmsghdr m[BATCH];
    struct iovec v[BATCH];
    memset(m, 0, sizeof m);
    for (int i = 0; i < count; i++) {
        v[i].iov_base = buffer[i];
        v[i].iov_len = sizeof buffer[i];
        m[i].msg_hdr.msg_iov = &v[i];
        m[i].msg_hdr.msg_iovlen = 1;
    }
    return recvmmsg(fd, m, (unsigned)count, MSG_DONTWAIT, NULL);
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    int polling = atoi(argv[1]), interfaces = atoi(argv[3]);
    int fds[NFILES];
    for (size_t i = 0; i < NFILES; i++) fds[i] = open(FILES[i], O_RDONLY | O_CLOEXEC);
    int nl = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[2]))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(udp, (struct sockaddr *)&to, sizeof to) < 0) return 1;
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    int slots = interfaces > 0 ? polling : 1;
    struct itimerspec every = {{polling / slots, 0}, {0, 1}};
    timerfd_settime(timer, 0, &every, NULL);
    for (int slot = 0;; slot = (slot + 1) % slots) {
        unsigned long long n;
        if (read(timer, &n, sizeof n) != sizeof n) return 1;
        int due = interfaces / slots, first = 1 + slot * due;
        for (int done = 0; done < due; done += BATCH)
            netlink_statistics(nl, first + done, due - done < BATCH ? due - done : BATCH);
        for (int sent = 0; sent < due; sent += 10) (void)!write(udp, text, 1388);
        if (slot) continue;
        for (size_t i = 0; i < NFILES; i++) (void)!pread(fds[i], text, sizeof text, 0);
        struct statvfs fs;
        (void)!statvfs("/", &fs);
        netlink_statistics(nl, 2, 1);
        (void)!write(udp, text, 700);
    }
}
