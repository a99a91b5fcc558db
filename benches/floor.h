/* What every floor that polls begins with: a socket to the collector, and a timer that ends every polling interval. */
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

/* A UDP socket connected to this port of the loopback address; negative where there is none. */
static int connect_collector(int port) {
    int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect(udp, (struct sockaddr *)&to, sizeof to) < 0 ? -1 : udp;
}

/* A timer that expires at once and then every so many seconds. */
static int start_timer(int seconds) {
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    struct itimerspec every = {{seconds, 0}, {0, 1}};
    timerfd_settime(timer, 0, &every, 0);
    return timer;
}
