/* The floor under the agent's figures: the unavoidable kernel work of one polling cycle, and nothing else. One pread
 * for each counter file, one statvfs, one netlink dump of all interfaces, one send for each full
 * datagram, one timer wait. No parsing, no encoding, nothing spread over the cycle.
 *
 *   floor POLLING-SECONDS PORT INTERFACES    (INTERFACES only says how many samples are sent)
 */
#define _GNU_SOURCE
#include "../floor.h"
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SAMPLES_A_DATAGRAM 10

static const char *const FILES[] = {
    "/proc/stat",      "/proc/loadavg",  "/proc/uptime",  "/proc/meminfo",        "/proc/vmstat",
    "/proc/diskstats", "/proc/net/snmp", "/proc/cpuinfo", "/proc/self/mountinfo",
};
#define NFILES (sizeof FILES / sizeof FILES[0])

static char text[65536] __attribute__((aligned(NLMSG_ALIGNTO)));

static void dump_interfaces(int fd) {
    struct {
        struct nlmsghdr h;
        struct ifinfomsg m;
    } request = {.h = {sizeof request, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 1, 0}};
    if (send(fd, &request, sizeof request, 0) < 0) return;
    for (;;) {
        int length = (int)recv(fd, text, sizeof text, 0);
        if (length <= 0) return;
        for (struct nlmsghdr *h = (struct nlmsghdr *)text; NLMSG_OK(h, (unsigned)length); h = NLMSG_NEXT(h, length))
            if (h->nlmsg_type == NLMSG_DONE) return;
    }
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    int interfaces = atoi(argv[3]);
    int fds[NFILES];
    for (size_t i = 0; i < NFILES; i++) fds[i] = open(FILES[i], O_RDONLY | O_CLOEXEC);
    int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    int udp = connect_collector(atoi(argv[2])), timer = start_timer(atoi(argv[1]));
    if (udp < 0) return 1;
    for (;;) {
        unsigned long long n;
        if (read(timer, &n, sizeof n) != sizeof n) return 1;
        for (size_t i = 0; i < NFILES; i++) (void)!pread(fds[i], text, sizeof text, 0);
        struct statvfs fs;
        (void)!statvfs("/", &fs);
        dump_interfaces(netlink);
        (void)!write(udp, text, 700);
        for (int sent = 0; sent < interfaces; sent += SAMPLES_A_DATAGRAM) (void)!write(udp, text, 1388);
    }
}
