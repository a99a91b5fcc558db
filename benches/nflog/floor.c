/* The sender of the NFLOG benchmark, and the floor under its receiver: the unavoidable kernel work of one group and
 * nothing else. The kernel picks 1 in N, cuts to 128 bytes and gathers for 80 ms; batches are taken several a system
 * call, their packets counted; one UDP send for each full datagram's worth. No parsing, no encoding, no status.
 *
 *   floor receive GROUP PORT GATHER-MS     after batches that left room, waits GATHER-MS
 *   floor send INTERFACE COUNT PER-SECOND  COUNT datagrams of 64 bytes with all headers to 10.1.0.1, 64 a system call;
 *                                          0 a second is as many as go; prints CPU ns and wall ns per packet
 *
 * The receiver prints "ready", ends when standard input does, and then prints samples and losses.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SAMPLE_BYTES 156
#define DATAGRAM_BYTES 1400
#define PER_DATAGRAM ((DATAGRAM_BYTES - 28) / SAMPLE_BYTES)
#define SLOT 32768
#define SLOTS 8

static int out;
static unsigned long samples, unsent, lost;
static unsigned next;
static char datagram[DATAGRAM_BYTES];

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void put(char *message, int kind, const void *value, int length) {
    struct nlmsghdr *head = (void *)message;
    struct nlattr *attribute = (void *)(message + NLMSG_ALIGN(head->nlmsg_len));
    *attribute = (struct nlattr){NLA_HDRLEN + length, kind};
    memcpy(attribute + 1, value, length);
    head->nlmsg_len = NLMSG_ALIGN(head->nlmsg_len) + NLA_ALIGN(attribute->nla_len);
}

static int group(int number) {
    static char request[256];
    struct nlmsghdr *head = (void *)request;
    struct nfgenmsg *general = (void *)(head + 1);
    *head = (struct nlmsghdr){NLMSG_LENGTH(sizeof *general), NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG, NLM_F_REQUEST | NLM_F_ACK};
    *general = (struct nfgenmsg){0, NFNETLINK_V0, htons(number)};
    struct nfulnl_msg_config_cmd command = {NFULNL_CFG_CMD_BIND};
    struct nfulnl_msg_config_mode mode = {htonl(128), NFULNL_COPY_PACKET};
    unsigned room = htonl(31 * 1024), flush = htonl(8), many = htonl(1000);
    unsigned short numbers = htons(NFULNL_CFG_F_SEQ);
    put(request, NFULA_CFG_CMD, &command, sizeof command);
    put(request, NFULA_CFG_MODE, &mode, sizeof mode);
    put(request, NFULA_CFG_NLBUFSIZ, &room, 4);
    put(request, NFULA_CFG_TIMEOUT, &flush, 4);
    put(request, NFULA_CFG_QTHRESH, &many, 4);
    put(request, NFULA_CFG_FLAGS, &numbers, 2);
    int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER), bytes = 8000000, on = 1;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
    setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof on);
    struct sockaddr_nl kernel = {AF_NETLINK};
    if (sendto(fd, request, head->nlmsg_len, 0, (void *)&kernel, sizeof kernel) < 0) die("bind");
    struct { struct nlmsghdr head; struct nlmsgerr error; } answer;
    if (recv(fd, &answer, sizeof answer, 0) < 0 || answer.error.error) die("group");
    return fd;
}

/* Losses show in the number, the only attribute that is looked for. */
static unsigned take(char *batch, int length) {
    unsigned n = 0;
    for (struct nlmsghdr *head = (void *)batch; NLMSG_OK(head, length); head = NLMSG_NEXT(head, length)) {
        if (head->nlmsg_type != (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET)) continue;
        struct nlattr *attribute = (void *)((char *)(head + 1) + sizeof(struct nfgenmsg));
        char *end = (char *)head + head->nlmsg_len;
        while ((char *)attribute < end && attribute->nla_type != NFULA_SEQ)
            attribute = (void *)((char *)attribute + NLA_ALIGN(attribute->nla_len));
        unsigned number = (char *)attribute < end ? ntohl(*(unsigned *)(attribute + 1)) : next;
        lost += number - next;
        next = number + 1;
        n++;
    }
    return n;
}

static void receive(int fd, int gather) {
    static char data[SLOTS][SLOT];
    struct iovec io[SLOTS];
    struct mmsghdr head[SLOTS];
    memset(head, 0, sizeof head);
    for (int i = 0; i < SLOTS; i++) {
        io[i] = (struct iovec){data[i], SLOT};
        head[i].msg_hdr.msg_iov = &io[i], head[i].msg_hdr.msg_iovlen = 1;
    }
    for (;;) {
        struct pollfd fds[2] = {{fd, POLLIN, 0}, {0, POLLIN, 0}};
        poll(fds, 2, -1);
        if (!fds[0].revents) return;
        if (gather) poll(NULL, 0, gather);
        for (int n = SLOTS; n == SLOTS;) {
            n = recvmmsg(fd, head, SLOTS, MSG_DONTWAIT, NULL);
            for (int i = 0; i < n; i++) {
                unsigned many = take(data[i], head[i].msg_len);
                samples += many;
                for (unsent += many; unsent >= PER_DATAGRAM; unsent -= PER_DATAGRAM) send(out, datagram, sizeof datagram, 0);
            }
        }
    }
}

static double seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static void flood(const char *name, long total, double rate) {
    static unsigned char frame[64] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0,
        0x45, 0, 0, 50, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 1, 0, 2, 10, 1, 0, 1, 0x9C, 0x40, 0, 9, 0, 30};
    unsigned sum = 0;
    for (int i = 14; i < 34; i += 2) sum += frame[i] << 8 | frame[i + 1];
    sum = ~((sum >> 16) + (sum & 0xFFFF));
    frame[24] = sum >> 8, frame[25] = sum;
    struct iovec io = {frame, sizeof frame};
    struct mmsghdr head[64];
    memset(head, 0, sizeof head);
    for (int i = 0; i < 64; i++) head[i].msg_hdr.msg_iov = &io, head[i].msg_hdr.msg_iovlen = 1;
    int fd = socket(AF_PACKET, SOCK_RAW, 0);
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_ifindex = if_nametoindex(name)};
    if (bind(fd, (void *)&at, sizeof at)) die("bind");
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (long sent = 0; sent < total;) {
        int n = sendmmsg(fd, head, total - sent < 64 ? total - sent : 64, 0);
        if (n > 0) sent += n;
        while (rate > 0 && sent / rate > seconds(CLOCK_MONOTONIC) - wall) {}
    }
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu, wall = seconds(CLOCK_MONOTONIC) - wall;
    printf("%.1f %.1f\n", cpu * 1e9 / total, wall * 1e9 / total);
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc != 5) return 2;
    if (!strcmp(argv[1], "send")) return flood(argv[2], atol(argv[3]), atof(argv[4])), 0;
    int fd = group(atoi(argv[2]));
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[3])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    out = socket(AF_INET, SOCK_DGRAM, 0);
    if (connect(out, (struct sockaddr *)&to, sizeof to)) die("connect");
    puts("ready");
    receive(fd, atoi(argv[4]));
    printf("%lu %lu\n", samples, lost);
    return 0;
}
