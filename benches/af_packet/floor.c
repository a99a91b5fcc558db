/* The sender of the AF_PACKET benchmark, and the floor under its receiver: the unavoidable kernel work of one tap
 * and nothing else. The kernel picks 1 in N and cuts to 128 bytes; frames are taken in batches and counted; one
 * UDP send for each full datagram's worth. No parsing, no encoding, no status.
 *
 *   floor recv INTERFACE N PORT GATHER-MS    batches by recvmmsg, with what a sampler must know: length, VLAN tag,
 *                                            direction; after a batch that was not full, waits GATHER-MS
 *   floor ring INTERFACE N PORT GATHER-MS    the same from a TPACKET_V3 ring whose blocks retire after GATHER-MS
 *   floor slots INTERFACE N PORT GATHER-MS   the same from a TPACKET_V2 ring of 4 MiB, waiting as recv does
 *   floor send INTERFACE COUNT SIZE          COUNT frames of SIZE bytes, 64 a system call; prints ns per frame
 *
 * The receivers print "ready", end when standard input does, and then print frames and drops.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
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
#define BATCH 128
#define SAMPLE_BYTES 156 /* a packet sample of a 64-byte frame with a time stamp, as sFlow encodes it */
#define DATAGRAM_BYTES 1400
#define PER_DATAGRAM ((DATAGRAM_BYTES - 28) / SAMPLE_BYTES)
#define BLOCK (1 << 16)
#define BLOCKS 32

static int out;
static unsigned long frames, unsent, bytes;
static char datagram[DATAGRAM_BYTES];

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void count(unsigned n) {
    frames += n;
    for (unsent += n; unsent >= PER_DATAGRAM; unsent -= PER_DATAGRAM) send(out, datagram, sizeof datagram, 0);
}

static void collector(int port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    out = socket(AF_INET, SOCK_DGRAM, 0);
    if (connect(out, (struct sockaddr *)&to, sizeof to)) die("connect");
}

static void bind_to(int fd, const char *name, int protocol) {
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(protocol), .sll_ifindex = if_nametoindex(name)};
    if (bind(fd, (struct sockaddr *)&at, sizeof at)) die("bind");
}

static int tap(unsigned n) {
    struct sock_filter sample[] = {
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, SKF_AD_OFF + SKF_AD_RANDOM},
        {BPF_ALU | BPF_MOD | BPF_K, 0, 0, n},
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0},
        {BPF_RET | BPF_K, 0, 0, SNAP},
        {BPF_RET | BPF_K, 0, 0, 0},
    };
    struct sock_fprog program = {n > 1 ? 5 : 1, n > 1 ? sample : sample + 3};
    int fd = socket(AF_PACKET, SOCK_RAW, 0), room = 8000000, on = 1;
    if (fd < 0) die("socket");
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program)) die("filter");
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof on);
    return fd;
}

/* 0 when standard input has ended, 1 when there are frames. */
static int wait_for(int fd) {
    struct pollfd fds[2] = {{fd, POLLIN, 0}, {0, POLLIN, 0}};
    poll(fds, 2, -1);
    return fds[0].revents ? 1 : !fds[1].revents;
}

static void receive(int fd, int gather) {
    static char data[BATCH][SNAP], control[BATCH][64];
    static struct sockaddr_ll from[BATCH];
    static struct iovec io[BATCH];
    static struct mmsghdr head[BATCH];
    for (int i = 0; i < BATCH; i++) {
        io[i] = (struct iovec){data[i], SNAP};
        head[i].msg_hdr = (struct msghdr){&from[i], sizeof from[i], &io[i], 1, control[i], sizeof control[i], 0};
    }
    while (wait_for(fd)) {
        int n = recvmmsg(fd, head, BATCH, MSG_DONTWAIT, NULL);
        if (n <= 0) continue;
        for (int i = 0; i < n; i++) {
            struct tpacket_auxdata *aux = (void *)CMSG_DATA((struct cmsghdr *)control[i]);
            bytes += aux->tp_len + from[i].sll_pkttype;
            head[i].msg_hdr.msg_namelen = sizeof from[i];
            head[i].msg_hdr.msg_controllen = sizeof control[i];
        }
        count(n);
        if (n < BATCH && gather) poll(NULL, 0, gather);
    }
}

static void ring(int fd, const char *name, int gather) {
    struct tpacket_req3 shape = {BLOCK, BLOCKS, 2048, BLOCK / 2048 * BLOCKS, gather, 0, 0};
    int version = TPACKET_V3;
    if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version)) die("version");
    if (setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &shape, sizeof shape)) die("ring");
    char *map = mmap(NULL, (size_t)BLOCK * BLOCKS, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) die("mmap");
    bind_to(fd, name, ETH_P_ALL);
    puts("ready");
    for (int at = 0;;) {
        struct tpacket_block_desc *block = (void *)(map + (size_t)at * BLOCK);
        if (!(__atomic_load_n(&block->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER)) {
            if (!wait_for(fd)) return;
            continue;
        }
        char *frame = (char *)block + block->hdr.bh1.offset_to_first_pkt;
        unsigned n = block->hdr.bh1.num_pkts;
        for (unsigned i = 0; i < n; i++) {
            struct tpacket3_hdr *head = (void *)frame;
            struct sockaddr_ll *from = (void *)(frame + TPACKET_ALIGN(sizeof *head));
            bytes += head->tp_len + from->sll_pkttype + frame[head->tp_mac];
            frame += head->tp_next_offset;
        }
        __atomic_store_n(&block->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
        count(n);
        at = (at + 1) % BLOCKS;
    }
}

static void slots(int fd, const char *name, int gather) {
    enum { SLOT = 208, ROOM = 1 << 22, PER_BLOCK = BLOCK / SLOT, SLOTS = ROOM / BLOCK * PER_BLOCK };
    struct tpacket_req shape = {BLOCK, ROOM / BLOCK, SLOT, SLOTS};
    int version = TPACKET_V2;
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
}

static void flood(const char *name, long left, int size) {
    static unsigned char frame[65536] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5};
    struct iovec io = {frame, size};
    struct mmsghdr head[64];
    memset(head, 0, sizeof head);
    for (int i = 0; i < 64; i++) head[i].msg_hdr.msg_iov = &io, head[i].msg_hdr.msg_iovlen = 1;
    int fd = socket(AF_PACKET, SOCK_RAW, 0);
    bind_to(fd, name, 0);
    struct timespec a, b, ca, cb;
    long total = left;
    clock_gettime(CLOCK_MONOTONIC, &a);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ca);
    while (left > 0) {
        int n = sendmmsg(fd, head, left < 64 ? left : 64, 0);
        if (n > 0) left -= n;
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cb);
    clock_gettime(CLOCK_MONOTONIC, &b);
    double wall = (b.tv_sec - a.tv_sec) * 1e9 + (b.tv_nsec - a.tv_nsec);
    double cpu = (cb.tv_sec - ca.tv_sec) * 1e9 + (cb.tv_nsec - ca.tv_nsec);
    printf("%.1f %.1f\n", cpu / total, wall / total);
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 5 && !strcmp(argv[1], "send")) return flood(argv[2], atol(argv[3]), atoi(argv[4])), 0;
    if (argc != 6) return 2;
    int fd = tap(atoi(argv[3]));
    collector(atoi(argv[4]));
    if (!strcmp(argv[1], "ring")) {
        ring(fd, argv[2], atoi(argv[5]));
    } else if (!strcmp(argv[1], "slots")) {
        slots(fd, argv[2], atoi(argv[5]));
    } else {
        bind_to(fd, argv[2], ETH_P_ALL);
        puts("ready");
        receive(fd, atoi(argv[5]));
    }
    struct tpacket_stats_v3 stats;
    socklen_t length = sizeof stats;
    getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &length);
    struct timespec cpu;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    printf("%lu %u %.3f\n", frames, stats.tp_drops, cpu.tv_sec * 1e3 + cpu.tv_nsec / 1e6);
    return bytes == 1;
}
