/* The sender of the packet benchmark, and the floor under the agent: the unavoidable kernel work of one packet source and
 * nothing else. The kernel picks 1 in N and cuts to 128 bytes; frames are taken in batches and counted; one UDP send
 * for each full datagram's worth. No parsing, no encoding, no status.
 *
 *   floor tap INTERFACE N PORT GATHER-MS     from a TPACKET_V2 ring of 4 MiB; after a batch that was not full, waits GATHER-MS
 *   floor log GROUP - PORT GATHER-MS         from an NFLOG group, by recvmmsg, waiting as tap does; N is the rule's
 *   floor send INTERFACE COUNT SIZE RATE     COUNT frames of SIZE bytes, 64 a system call, at most RATE a second (0: all
 *                                            that it can); prints CPU ns a frame and frames a second
 *   floor udp PORT COUNT SIZE RATE           the same with datagrams to this host, whose packets have SIZE bytes on the wire
 *
 * The receivers print "ready", end when standard input does, and then print frames and drops.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SNAP 128
#define SAMPLE_BYTES 156 /* a packet sample of a 64-byte frame with a time stamp, as sFlow encodes it */
#define DATAGRAM_BYTES 1400
#define PER_DATAGRAM ((DATAGRAM_BYTES - 28) / SAMPLE_BYTES)
#define BLOCK (1 << 16)

static int out;
static unsigned long frames, drops, unsent, bytes;
static char datagram[DATAGRAM_BYTES];

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void count(unsigned n) {
    frames += n;
    for (unsent += n; unsent >= PER_DATAGRAM; unsent -= PER_DATAGRAM) send(out, datagram, sizeof datagram, 0);
}

static int udp_to(int port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to)) die("connect");
    return fd;
}

static void bind_to(int fd, const char *name, int protocol) {
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(protocol), .sll_ifindex = if_nametoindex(name)};
    if (bind(fd, (struct sockaddr *)&at, sizeof at)) die("bind");
}

/* 0 when standard input has ended, 1 when there is something. */
static int wait_for(int fd) {
    struct pollfd fds[2] = {{fd, POLLIN, 0}, {0, POLLIN, 0}};
    poll(fds, 2, -1);
    return fds[0].revents ? 1 : !fds[1].revents;
}

static void tap(const char *name, unsigned n, int gather) {
    enum { SLOT = 208, ROOM = 1 << 22, PER_BLOCK = BLOCK / SLOT, SLOTS = ROOM / BLOCK * PER_BLOCK };
    struct sock_filter sample[] = {
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, SKF_AD_OFF + SKF_AD_RANDOM},
        {BPF_ALU | BPF_MOD | BPF_K, 0, 0, n},
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0},
        {BPF_RET | BPF_K, 0, 0, SNAP},
        {BPF_RET | BPF_K, 0, 0, 0},
    };
    struct sock_fprog program = {n > 1 ? 5 : 1, n > 1 ? sample : sample + 3};
    struct tpacket_req shape = {BLOCK, ROOM / BLOCK, SLOT, SLOTS};
    int fd = socket(AF_PACKET, SOCK_RAW, 0), version = TPACKET_V2;
    if (fd < 0) die("socket");
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program)) die("filter");
    if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version)) die("version");
    if (setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &shape, sizeof shape)) die("ring");
    char *map = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) die("mmap");
    bind_to(fd, name, ETH_P_ALL);
    puts("ready");
    for (int at = 0; wait_for(fd);) {
        unsigned n = 0;
        for (; n < SLOTS; n++) {
            struct tpacket2_hdr *head = (void *)(map + at / PER_BLOCK * BLOCK + at % PER_BLOCK * SLOT);
            if (!(__atomic_load_n(&head->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER)) break;
            struct sockaddr_ll *from = (void *)((char *)head + TPACKET_ALIGN(sizeof *head));
            bytes += head->tp_len + from->sll_pkttype + ((char *)head)[head->tp_mac];
            __atomic_store_n(&head->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
            at = at + 1 < SLOTS ? at + 1 : 0;
            count(1);
        }
        if (n < SLOTS / 2 && gather) poll(NULL, 0, gather);
    }
    struct tpacket_stats stats;
    socklen_t length = sizeof stats;
    getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &length);
    drops = stats.tp_drops;
}

static void log_command(int fd, int group, int type, const void *value, unsigned short length) {
    struct {
        struct nlmsghdr head;
        struct nfgenmsg family;
        struct nlattr attribute;
        char value[8];
    } m = {{NLMSG_LENGTH(sizeof(struct nfgenmsg)) + NLA_HDRLEN + NLA_ALIGN(length), NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG,
            NLM_F_REQUEST | NLM_F_ACK, 0, 0}, {AF_UNSPEC, NFNETLINK_V0, htons(group)}, {NLA_HDRLEN + length, type}, {0}};
    memcpy(m.value, value, length);
    struct { struct nlmsghdr head; struct nlmsgerr error; char rest[64]; } answer;
    send(fd, &m, m.head.nlmsg_len, 0);
    if (recv(fd, &answer, sizeof answer, 0) < 0 || answer.error.error) die("nflog");
}

static void listen_to(int group, int gather) {
    enum { BATCH = 32, ROOM = 32768 };
    static char data[BATCH][ROOM];
    static struct iovec io[BATCH];
    static struct mmsghdr head[BATCH];
    for (int i = 0; i < BATCH; i++) io[i] = (struct iovec){data[i], ROOM}, head[i].msg_hdr.msg_iov = &io[i], head[i].msg_hdr.msg_iovlen = 1;
    int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER), room = 8000000, on = 1;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof on);
    log_command(fd, group, NFULA_CFG_CMD, &(struct nfulnl_msg_config_cmd){NFULNL_CFG_CMD_BIND}, 1);
    log_command(fd, group, NFULA_CFG_MODE, &(struct nfulnl_msg_config_mode){htonl(SNAP), NFULNL_COPY_PACKET, 0}, 6);
    log_command(fd, group, NFULA_CFG_FLAGS, &(__be16){htons(NFULNL_CFG_F_SEQ)}, 2);
    puts("ready");
    for (unsigned next = 0; wait_for(fd);) {
        int n = recvmmsg(fd, head, BATCH, MSG_DONTWAIT, NULL);
        for (int i = 0; i < n; i++) {
            int left = head[i].msg_len;
            for (struct nlmsghdr *m = (void *)data[i]; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
                if (m->nlmsg_type != (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET)) continue;
                int rest = m->nlmsg_len - NLMSG_LENGTH(sizeof(struct nfgenmsg));
                struct nlattr *a = (void *)((char *)NLMSG_DATA(m) + sizeof(struct nfgenmsg));
                for (; rest >= NLA_HDRLEN; rest -= NLA_ALIGN(a->nla_len), a = (void *)((char *)a + NLA_ALIGN(a->nla_len))) {
                    if (a->nla_type != NFULA_SEQ) continue;
                    unsigned got = ntohl(*(__be32 *)((char *)a + NLA_HDRLEN));
                    drops += got - next;
                    next = got + 1;
                }
                count(1);
            }
        }
        if (n < BATCH && gather) poll(NULL, 0, gather);
    }
}

static double seconds(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void flood(int fd, long total, int size, double rate) {
    static unsigned char frame[65536] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5};
    struct iovec io = {frame, size};
    struct mmsghdr head[64];
    memset(head, 0, sizeof head);
    for (int i = 0; i < 64; i++) head[i].msg_hdr.msg_iov = &io, head[i].msg_hdr.msg_iovlen = 1;
    double start = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (long sent = 0; sent < total;) {
        while (rate > 0 && seconds(CLOCK_MONOTONIC) - start < sent / rate);
        int n = sendmmsg(fd, head, total - sent < 64 ? total - sent : 64, 0);
        if (n > 0) sent += n;
    }
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    printf("%.1f %.0f\n", cpu * 1e9 / total, total / (seconds(CLOCK_MONOTONIC) - start));
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc != 6) return 2;
    if (!strcmp(argv[1], "udp")) return flood(udp_to(atoi(argv[2])), atol(argv[3]), atoi(argv[4]) - 42, atof(argv[5])), 0;
    if (!strcmp(argv[1], "send")) {
        int fd = socket(AF_PACKET, SOCK_RAW, 0);
        bind_to(fd, argv[2], 0);
        return flood(fd, atol(argv[3]), atoi(argv[4]), atof(argv[5])), 0;
    }
    out = udp_to(atoi(argv[4]));
    if (!strcmp(argv[1], "log")) listen_to(atoi(argv[2]), atoi(argv[5]));
    else tap(argv[2], atoi(argv[3]), atoi(argv[5]));
    printf("%lu %lu\n", frames, drops);
    return bytes == 1;
}
