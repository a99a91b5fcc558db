/* A transceiver for programs that ask the kernel for one by ethtool netlink messages: preloaded, it answers
 * ETHTOOL_MSG_MODULE_EEPROM_GET from the text file $MODULE, or where that is a folder from the one in it that the
 * interface's index names, and leaves everything else to the kernel. A block that the file does not have is refused with
 * EINVAL, as drivers do; without the file the answer is that of an empty cage, EIO. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static __thread struct { int fd, len; char data[1024]; } waiting = { .fd = -1 };

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

/* 0 where the file has the block. */
static int block(unsigned index, unsigned address, unsigned bank, unsigned page, unsigned offset, unsigned len, unsigned char *out) {
  const char *path = getenv("MODULE");
  char inside[300];
  struct stat is;
  if (path && !stat(path, &is) && S_ISDIR(is.st_mode)) {
    snprintf(inside, sizeof inside, "%s/%u", path, index);
    path = inside;
  }
  FILE *file = path ? fopen(path, "r") : NULL;
  if (!file) return EIO;
  char line[400];
  int found = EINVAL;
  while (found && fgets(line, sizeof line, file)) {
    unsigned a, b, p, o;
    int at;
    if (sscanf(line, "%x %x %x %x %n", &a, &b, &p, &o, &at) != 4) continue;
    if (a != address || b != bank || p != page || offset < o || offset + len > o + 128) continue;
    for (unsigned i = 0; i < len; i++) sscanf(line + at + 2 * (offset - o + i), "%2hhx", &out[i]);
    found = 0;
  }
  fclose(file);
  return found;
}

/* By the first attribute of the header: an index, or a name. */
static unsigned interface(const struct nlattr *attribute) {
  const char *value = (const char *)attribute + NLA_HDRLEN;
  unsigned index;
  if ((attribute->nla_type & NLA_TYPE_MASK) == ETHTOOL_A_HEADER_DEV_NAME) return if_nametoindex(value);
  memcpy(&index, value, sizeof index);
  return index;
}

/* Whether the request was for us; its answer then waits. */
static int taken(int fd, const void *data, size_t size) {
  const struct nlmsghdr *ask = data;
  const struct genlmsghdr *genl = NLMSG_DATA(ask);
  struct sockaddr_nl own;
  socklen_t own_len = sizeof own;
  if (size < NLMSG_HDRLEN + GENL_HDRLEN || getsockname(fd, (void *)&own, &own_len) || own.nl_family != AF_NETLINK) return 0;
  if (ask->nlmsg_type <= GENL_ID_CTRL || genl->cmd != ETHTOOL_MSG_MODULE_EEPROM_GET) return 0;
  int protocol = 0;
  socklen_t protocol_len = sizeof protocol;
  if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &protocol_len) || protocol != NETLINK_GENERIC) return 0;
  unsigned value[ETHTOOL_A_MODULE_EEPROM_MAX + 1] = {0};
  unsigned index = 0;
  const char *end = (const char *)data + size;
  for (const char *at = (const char *)genl + GENL_HDRLEN; at + NLA_HDRLEN <= end;) {
    const struct nlattr *attribute = (const void *)at;
    unsigned kind = attribute->nla_type & NLA_TYPE_MASK, len = attribute->nla_len - NLA_HDRLEN;
    if (kind <= ETHTOOL_A_MODULE_EEPROM_MAX && len <= 4) memcpy(&value[kind], at + NLA_HDRLEN, len);
    if (kind == ETHTOOL_A_MODULE_EEPROM_HEADER) index = interface((const void *)(at + NLA_HDRLEN));
    at += NLA_ALIGN(attribute->nla_len);
  }
  unsigned char bytes[128];
  unsigned len = value[ETHTOOL_A_MODULE_EEPROM_LENGTH];
  int error = len > 128 ? EINVAL
                        : block(index, value[ETHTOOL_A_MODULE_EEPROM_I2C_ADDRESS], value[ETHTOOL_A_MODULE_EEPROM_BANK],
                                value[ETHTOOL_A_MODULE_EEPROM_PAGE], value[ETHTOOL_A_MODULE_EEPROM_OFFSET], len, bytes);
  memset(waiting.data, 0, sizeof waiting.data);
  struct nlmsghdr *answer = (void *)waiting.data;
  waiting.fd = fd;
  waiting.len = 0;
  if (!error) {
    struct genlmsghdr *head = NLMSG_DATA(answer);
    struct nlattr *attribute = (void *)((char *)head + GENL_HDRLEN);
    *head = (struct genlmsghdr){ .cmd = ETHTOOL_MSG_MODULE_EEPROM_GET_REPLY, .version = 1 };
    *attribute = (struct nlattr){ .nla_type = ETHTOOL_A_MODULE_EEPROM_DATA, .nla_len = NLA_HDRLEN + len };
    memcpy((char *)attribute + NLA_HDRLEN, bytes, len);
    answer->nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN + NLA_HDRLEN + len);
    answer->nlmsg_type = ask->nlmsg_type;
    answer->nlmsg_seq = ask->nlmsg_seq;
    answer->nlmsg_pid = own.nl_pid;
    waiting.len = NLMSG_ALIGN(answer->nlmsg_len);
  }
  if (error || ask->nlmsg_flags & NLM_F_ACK) {
    answer = (void *)(waiting.data + waiting.len);
    struct nlmsgerr *result = NLMSG_DATA(answer);
    result->error = -error;
    result->msg = *ask;
    answer->nlmsg_len = NLMSG_LENGTH(sizeof *result);
    answer->nlmsg_type = NLMSG_ERROR;
    answer->nlmsg_flags = NLM_F_CAPPED;
    answer->nlmsg_seq = ask->nlmsg_seq;
    answer->nlmsg_pid = own.nl_pid;
    waiting.len += answer->nlmsg_len;
  }
  return 1;
}

static ssize_t hand_over(struct msghdr *message) {
  ssize_t len = waiting.len;
  size_t room = message->msg_iov[0].iov_len;
  memcpy(message->msg_iov[0].iov_base, waiting.data, (size_t)len < room ? (size_t)len : room);
  if (message->msg_name && message->msg_namelen >= sizeof(struct sockaddr_nl)) {
    *(struct sockaddr_nl *)message->msg_name = (struct sockaddr_nl){ .nl_family = AF_NETLINK };
    message->msg_namelen = sizeof(struct sockaddr_nl);
  }
  message->msg_controllen = 0;
  message->msg_flags = (size_t)len > room ? MSG_TRUNC : 0;
  waiting.fd = -1;
  return len;
}

ssize_t sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to, socklen_t to_len) {
  if (taken(fd, data, len)) return (ssize_t)len;
  return ((ssize_t(*)(int, const void *, size_t, int, const struct sockaddr *, socklen_t))real("sendto"))(fd, data, len, flags, to, to_len);
}

ssize_t send(int fd, const void *data, size_t len, int flags) {
  if (taken(fd, data, len)) return (ssize_t)len;
  return ((ssize_t(*)(int, const void *, size_t, int))real("send"))(fd, data, len, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  if (message->msg_iovlen && taken(fd, message->msg_iov[0].iov_base, message->msg_iov[0].iov_len))
    return (ssize_t)message->msg_iov[0].iov_len;
  return ((ssize_t(*)(int, const struct msghdr *, int))real("sendmsg"))(fd, message, flags);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
  if (waiting.fd == fd) return hand_over(message);
  return ((ssize_t(*)(int, struct msghdr *, int))real("recvmsg"))(fd, message, flags);
}

int recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout) {
  if (waiting.fd == fd && count) {
    messages[0].msg_len = (unsigned)hand_over(&messages[0].msg_hdr);
    return 1;
  }
  return ((int (*)(int, struct mmsghdr *, unsigned, int, struct timespec *))real("recvmmsg"))(fd, messages, count, flags, timeout);
}

int poll(struct pollfd *fds, nfds_t count, int timeout) {
  /* GCC takes the array for one that is only written to. */
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
  for (nfds_t i = 0; i < count; i++)
    if (waiting.fd >= 0 && fds[i].fd == waiting.fd) {
      fds[i].revents = POLLIN;
      return 1;
    }
  return ((int (*)(struct pollfd *, nfds_t, int))real("poll"))(fds, count, timeout);
}
