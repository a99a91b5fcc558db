/* The floor under the figures of guests: the unavoidable kernel work of one polling cycle, and nothing else. One pread for each
 * counter file, one netlink request for the counters of each interface, many of them in one message, one send for each full
 * datagram, one timer wait. No parsing, no encoding, nothing about the host.
 *
 *   floor POLLING-SECONDS PORT SAMPLES < FILES    (a path a line; SAMPLES only says how many are sent)
 */
#define _GNU_SOURCE
#include "../floor.h"
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST 65536
#define SAMPLES_A_DATAGRAM 4
#define AT_ONCE 32

struct request {
    struct nlmsghdr h;
    struct if_stats_msg m;
};

static char text[65536] __attribute__((aligned(NLMSG_ALIGNTO)));
static int files[MOST], links[MOST];

static int open_files(void) {
    char path[4096];
    int count = 0;
    while (count < MOST && fgets(path, sizeof path, stdin)) {
        path[strcspn(path, "\n")] = 0;
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0) files[count++] = fd;
    }
    return count;
}

static int find_links(void) {
    struct if_nameindex *all = if_nameindex();
    int count = 0;
    for (struct if_nameindex *one = all; one && one->if_index && count < MOST; one++)
        if (!strncmp(one->if_name, "veth", 4)) links[count++] = (int)one->if_index;
    if_freenameindex(all);
    return count;
}

static void ask(int fd, const int *first, int count) {
    struct request batch[AT_ONCE];
    for (int i = 0; i < count; i++)
        batch[i] = (struct request){.h = {sizeof batch[i], RTM_GETSTATS, NLM_F_REQUEST, (unsigned)i, 0},
                                    .m = {.ifindex = (unsigned)first[i], .filter_mask = 1 << (IFLA_STATS_LINK_64 - 1)}};
    if (send(fd, batch, sizeof batch[0] * (size_t)count, 0) < 0) return;
    for (int i = 0; i < count; i++)
        if (recv(fd, text, sizeof text, 0) <= 0) return;
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    int nfiles = open_files(), nlinks = find_links(), samples = atoi(argv[3]);
    int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    int udp = connect_collector(atoi(argv[2])), timer = start_timer(atoi(argv[1]));
    if (udp < 0) return 1;
    for (;;) {
        unsigned long long n;
        if (read(timer, &n, sizeof n) != sizeof n) return 1;
        for (int i = 0; i < nfiles; i++) (void)!pread(files[i], text, 4096, 0);
        for (int i = 0; i < nlinks; i += AT_ONCE) ask(netlink, links + i, nlinks - i < AT_ONCE ? nlinks - i : AT_ONCE);
        for (int sent = 0; sent < samples; sent += SAMPLES_A_DATAGRAM) (void)!write(udp, text, 1388);
    }
}
