/* The sender of the application benchmark, and the floor under the agent: the unavoidable kernel work of taking messages
 * of local programs and nothing else. Datagrams are received in batches and counted; one UDP send for each full
 * datagram's worth of samples. No parsing, no encoding, no status.
 *
 *   floor receive PORT OUT BATCH GATHER-MS BYTES   at most BATCH messages a system call; after a batch that was not full,
 *                                                  waits GATHER-MS; a sample has BYTES in a datagram of 1400 to OUT
 *   floor send PORT KIND COUNT RATE                COUNT messages (rtmetric, counters, flow), evenly at RATE a second, 32 a
 *                                                  system call above 50,000; 0: all that it can; prints messages a second
 *
 * The receiver prints "ready", ends when standard input does, and then prints messages.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { MOST = 64, ROOM = 10000, DATAGRAM_BYTES = 1400, HEAD_BYTES = 28, VARIANTS = 256 };

static void die(const char *what) {
    perror(what);
    exit(1);
}

static int udp(int port, int (*attach)(int, const struct sockaddr *, socklen_t)) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (attach(fd, (struct sockaddr *)&at, sizeof at)) die("udp");
    return fd;
}

static void receive(int in, int out, int batch, int gather, int bytes) {
    static char data[MOST][ROOM], datagram[DATAGRAM_BYTES];
    static struct iovec io[MOST];
    static struct mmsghdr head[MOST];
    for (int i = 0; i < MOST; i++) io[i] = (struct iovec){data[i], ROOM}, head[i].msg_hdr.msg_iov = &io[i], head[i].msg_hdr.msg_iovlen = 1;
    int room = 2000000, full = (DATAGRAM_BYTES - HEAD_BYTES) / bytes;
    setsockopt(in, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    unsigned long messages = 0, unsent = 0;
    puts("ready");
    for (struct pollfd fds[2] = {{in, POLLIN, 0}, {0, POLLIN, 0}};;) {
        poll(fds, 2, -1);
        if (!fds[0].revents && fds[1].revents) break;
        int n = recvmmsg(in, head, batch, MSG_DONTWAIT, NULL);
        if (n < 0) continue;
        messages += n;
        for (unsent += n; unsent >= (unsigned)full; unsent -= full) send(out, datagram, sizeof datagram, 0);
        if (n < batch && gather) poll(NULL, 0, gather);
    }
    printf("%lu\n", messages);
}

static int write_message(char *to, const char *kind, unsigned n) {
    if (!strcmp(kind, "rtmetric"))
        return sprintf(to,
                       "{\"rtmetric\":{\"datasource\":\"web-%u\",\"requests\":{\"type\":\"counter32\",\"value\":%u},\"bytes\":{\"type\":"
                       "\"counter64\",\"value\":%lu},\"latency\":{\"type\":\"gaugeDouble\",\"value\":%u.25},\"load\":{\"type\":\"gaugeFloat\","
                       "\"value\":0.%u},\"state\":{\"type\":\"string\",\"value\":\"running\"}}}",
                       n % 10, 1000 + n, 7777777777ul * n, n % 100, n % 90 + 10);
    if (!strcmp(kind, "counters"))
        return sprintf(to,
                       "{\"counter_sample\":{\"app_name\":\"shop.cart%u\",\"app_operations\":{\"success\":%u,\"other\":0,\"timeout\":%u,"
                       "\"internal_error\":%u,\"bad_request\":3,\"forbidden\":2,\"too_large\":0,\"not_implemented\":0,\"not_found\":5,"
                       "\"unavailable\":0,\"unauthorized\":1},\"app_resources\":{\"user_time\":%u,\"system_time\":%u,\"mem_used\":123456000,"
                       "\"mem_max\":8589934592,\"fd_open\":%u,\"fd_max\":1024,\"conn_open\":40,\"conn_max\":0},\"app_workers\":{"
                       "\"workers_active\":%u,\"workers_idle\":2,\"workers_max\":16,\"req_delayed\":5,\"req_dropped\":1}}}",
                       n % 8, 100000 + n, n % 7, n % 5, 5000 + n, 800 + n, 20 + n % 50, n % 14);
    if (!strcmp(kind, "flow"))
        return sprintf(to,
                       "{\"flow_sample\":{\"app_name\":\"shop.web%u\",\"sampling_rate\":1,\"app_operation\":{\"operation\":\"cart.add\","
                       "\"attributes\":\"id=%u&qty=3\",\"status_descr\":\"OK\",\"status\":%u,\"req_bytes\":%u,\"resp_bytes\":%u,\"uS\":%u}}}",
                       n % 8, 1000 + n, n % 11 ? 0 : 2, 200 + n, 5432 + n, 150 + n);
    fputs("no such kind\n", stderr);
    exit(2);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void flood(int fd, const char *kind, long total, double rate) {
    static char text[VARIANTS][2048];
    static struct iovec io[VARIANTS];
    static struct mmsghdr head[VARIANTS];
    for (unsigned i = 0; i < VARIANTS; i++) {
        io[i] = (struct iovec){text[i], write_message(text[i], kind, i)};
        head[i].msg_hdr.msg_iov = &io[i], head[i].msg_hdr.msg_iovlen = 1;
    }
    long each = rate > 0 && rate <= 50000 ? 1 : 32;
    double start = now();
    for (long sent = 0; sent < total;) {
        while (rate > 0 && now() - start < sent / rate);
        long at = sent % VARIANTS, most = each < VARIANTS - at ? each : VARIANTS - at;
        int n = sendmmsg(fd, head + at, most < total - sent ? most : total - sent, 0);
        if (n > 0) sent += n;
    }
    printf("%.0f\n", total / (now() - start));
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 7 && !strcmp(argv[1], "receive"))
        return receive(udp(atoi(argv[2]), bind), udp(atoi(argv[3]), connect), atoi(argv[4]), atoi(argv[5]), atoi(argv[6])), 0;
    if (argc == 6 && !strcmp(argv[1], "send")) return flood(udp(atoi(argv[2]), connect), argv[3], atol(argv[4]), atof(argv[5])), 0;
    return 2;
}
