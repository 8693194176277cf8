/*
 * A broker-shaped sink: the cheapest thing that a load generator can talk to, so that the generator is what is measured.
 *
 *   sink [--port 0] [--host 127.0.0.1] [--fan] [--buckets MS]
 *
 * One thread, epoll, MQTT 3.1, 3.1.1 and 5.0. It answers CONNECT, SUBSCRIBE, UNSUBSCRIBE, PUBLISH of QoS 1 and 2, PUBREL and
 * PINGREQ with success and counts; nothing is checked or routed. With --fan every PUBLISH goes, as QoS 0, to every connection that
 * has subscribed to anything: one publisher feeds k subscribers with genuine messages (all must speak one MQTT version). While a
 * subscriber's socket is full, connections that only publish are not read, so nothing is dropped. With --buckets the PUBLISHes received are also counted
 * by intervals of MS milliseconds from the first on.
 *
 * Prints JSON lines: {"port"}, then counters each second, and on SIGTERM or SIGINT the same with "final": true and the buckets.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
  MAX_PACKET = 1 << 18,  /* a longer one closes its connection */
  FULL = 1 << 16,        /* bytes that wait for one subscriber until publishers are stopped */
  FAN_READ = 1 << 14,    /* bytes read at once with --fan: each may be copied to thousands of subscribers */
  EVENTS = 512,
  BUCKETS = 100000,      /* 10,000 s of 100 ms */
};

typedef struct {
  int fd;
  uint8_t version;
  bool connected, subscribed, full, stopped, dirty;
  uint32_t events;                       /* what epoll watches for */
  uint32_t in_bytes;
  uint8_t *in;                           /* an incomplete packet */
  uint8_t *out;                          /* [out_start, out_end) waits to be sent */
  size_t out_start, out_end, out_size;
} Client;

static struct {
  long connections, connects, subscribes, publishes, qos[3], pubrels, pings, disconnects, bytes, forwarded;
  double first_accept_s, last_connect_s, first_publish_s;
} count;

static Client **clients;                 /* by file descriptor */
static int client_limit, epoll, listener, full_count;
static Client **subscribers, **dirty;
static int subscriber_count, dirty_count;
static long *buckets, bucket_count;
static double bucket_s, now;
static bool fan;
static volatile sig_atomic_t ended;
static uint8_t scratch[MAX_PACKET * 2];  /* what is left of a packet, and what one read brings */

static void fail(const char *what) {
  fprintf(stderr, "sink: %s: %s\n", what, strerror(errno));
  exit(1);
}

static double clock_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void end(int signal) {
  (void)signal;
  ended = 1;
}

static void watch(Client *c, uint32_t events) {
  if (events == c->events) return;
  struct epoll_event e = {.events = events, .data.fd = c->fd};
  if (epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &e) < 0) fail("epoll_ctl");
  c->events = events;
}

/* Whether the client's socket is to be read, and whether it is waited for to be writable. */
static void rewatch(Client *c) { watch(c, (c->stopped ? 0 : EPOLLIN) | (c->out_end > c->out_start ? EPOLLOUT : 0)); }

static void set_full(Client *c, bool full) {
  if (c->full == full) return;
  c->full = full;
  full_count += full ? 1 : -1;
  if (full_count > 0) return;
  for (int fd = 0; fd < client_limit; fd++)
    if (clients[fd] && clients[fd]->stopped) {
      clients[fd]->stopped = false;
      rewatch(clients[fd]);
    }
}

static void remove_from(Client **list, int *length, const Client *c) {
  for (int i = 0; i < *length; i++)
    if (list[i] == c) {
      list[i] = list[--*length];
      return;
    }
}

static void drop(Client *c) {
  set_full(c, false);
  if (c->subscribed) remove_from(subscribers, &subscriber_count, c);
  if (c->dirty) remove_from(dirty, &dirty_count, c);
  clients[c->fd] = NULL;
  close(c->fd);
  free(c->in);
  free(c->out);
  free(c);
  count.connections--;
}

/* Appends to what the client is to get; `flush` sends it, once for all that one turn of the loop brought. */
static void append(Client *c, const void *bytes, size_t length) {
  if (c->out_end + length > c->out_size) {
    memmove(c->out, c->out + c->out_start, c->out_end - c->out_start);
    c->out_end -= c->out_start;
    c->out_start = 0;
    if (c->out_end + length > c->out_size) {
      c->out_size = (c->out_end + length) * 2;
      if (!(c->out = realloc(c->out, c->out_size))) fail("memory");
    }
  }
  memcpy(c->out + c->out_end, bytes, length);
  c->out_end += length;
  if (!c->dirty) {
    c->dirty = true;
    dirty[dirty_count++] = c;
  }
}

static bool flush(Client *c) {
  while (c->out_end > c->out_start) {
    ssize_t sent = send(c->fd, c->out + c->out_start, c->out_end - c->out_start, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN) return false;
    if (sent < 0) break;
    c->out_start += sent;
  }
  if (c->out_start == c->out_end) c->out_start = c->out_end = 0;
  set_full(c, c->out_end - c->out_start > (c->full ? FULL / 4 : FULL));
  rewatch(c);
  return true;
}

/* Reads a variable byte integer at *at; false: it is malformed or does not end before `end`. MQTT 5.0 §1.5.5. */
static bool read_length(const uint8_t *p, uint32_t *at, uint32_t end, uint32_t *value) {
  *value = 0;
  for (int shift = 0; shift < 28 && *at < end; shift += 7) {
    uint8_t byte = p[(*at)++];
    *value |= (uint32_t)(byte & 127) << shift;
    if (byte < 128) return true;
  }
  return false;
}

static uint32_t write_length(uint8_t *p, uint32_t value) {
  uint32_t at = 0;
  do {
    p[at++] = (value & 127) | (value > 127 ? 128 : 0);
    value >>= 7;
  } while (value > 0);
  return at;
}

/* SUBACK and UNSUBACK: a code for each filter; version 5 puts properties before them. */
static bool acknowledge_filters(Client *c, uint8_t type, const uint8_t *p, uint32_t length) {
  static uint8_t codes[MAX_PACKET];
  bool is_subscribe = type == 0x90;
  uint32_t at = 2, code_count = 0, properties;
  if (length < 2) return false;
  if (c->version == 5) {
    if (!read_length(p, &at, length, &properties)) return false;
    at += properties;
  }
  while (at + 2 <= length) {
    at += 2 + (p[at] << 8 | p[at + 1]) + (is_subscribe ? 1 : 0);
    if (at > length) return false;
    codes[code_count++] = is_subscribe ? p[at - 1] & 3 : 0;
  }
  if (!is_subscribe && c->version < 5) code_count = 0;
  uint8_t head[8] = {type}, none = 0;
  uint32_t head_bytes = 1 + write_length(head + 1, 2 + (c->version == 5 ? 1 : 0) + code_count);
  append(c, head, head_bytes);
  append(c, p, 2);
  if (c->version == 5) append(c, &none, 1);
  append(c, codes, code_count);
  return true;
}

static void forward(const uint8_t *body, uint32_t length, uint32_t topic_end, uint32_t id_bytes) {
  uint8_t head[5] = {0x30};
  uint32_t head_bytes = 1 + write_length(head + 1, length - id_bytes);
  for (int i = 0; i < subscriber_count; i++) {
    append(subscribers[i], head, head_bytes);
    append(subscribers[i], body, topic_end);
    append(subscribers[i], body + topic_end + id_bytes, length - topic_end - id_bytes);
    /* Not only once a turn: a turn may bring more than a subscriber's share of memory. */
    if (subscribers[i]->out_end - subscribers[i]->out_start > FULL) set_full(subscribers[i], true);
  }
  count.forwarded += subscriber_count;
}

static bool handle_publish(Client *c, uint8_t flags, const uint8_t *body, uint32_t length) {
  uint32_t qos = flags >> 1 & 3, id_bytes = qos > 0 ? 2 : 0;
  uint32_t topic_end = length < 2 ? 0 : 2u + (body[0] << 8 | body[1]);
  if (topic_end == 0 || topic_end + id_bytes > length || qos > 2) return false;
  if (count.publishes++ == 0) count.first_publish_s = now;
  count.qos[qos]++;
  if (bucket_s > 0) {
    long bucket = (now - count.first_publish_s) / bucket_s;
    if (bucket < BUCKETS) {
      buckets[bucket]++;
      if (bucket >= bucket_count) bucket_count = bucket + 1;
    }
  }
  if (qos > 0) {
    uint8_t answer[4] = {qos == 1 ? 0x40 : 0x50, 2, body[topic_end], body[topic_end + 1]};
    append(c, answer, 4);
  }
  if (fan) forward(body, length, topic_end, id_bytes);
  return true;
}

/* One whole packet; false: the connection is over. */
static bool handle(Client *c, uint8_t first, const uint8_t *body, uint32_t length) {
  uint8_t type = first >> 4;
  if (!c->connected && type != 1) return false;
  switch (type) {
    case 1: { /* CONNECT: protocol name, level */
      uint32_t name = length < 2 ? 0 : (uint32_t)(body[0] << 8 | body[1]);
      if (length < name + 3 || c->connected) return false;
      c->version = body[2 + name];
      c->connected = true;
      count.connects++;
      count.last_connect_s = now;
      append(c, c->version == 5 ? "\x20\x03\0\0\0" : "\x20\x02\0\0", c->version == 5 ? 5 : 4);
      return true;
    }
    case 3:
      return handle_publish(c, first & 15, body, length);
    case 6: { /* PUBREL */
      if (length < 2) return false;
      count.pubrels++;
      uint8_t answer[4] = {0x70, 2, body[0], body[1]};
      append(c, answer, 4);
      return true;
    }
    case 8:
      count.subscribes++;
      if (!c->subscribed) subscribers[subscriber_count++] = c;
      c->subscribed = true;
      return acknowledge_filters(c, 0x90, body, length);
    case 10:
      return acknowledge_filters(c, 0xb0, body, length);
    case 12:
      count.pings++;
      append(c, "\xd0\0", 2);
      return true;
    case 14:
      count.disconnects++;
      return false;
    default: /* acknowledgements of deliveries */
      return true;
  }
}

/* Reads once and handles what is whole; what is not is kept until more comes. False: the connection is over. */
static bool receive(Client *c) {
  if (full_count > 0 && !c->subscribed) {
    c->stopped = true;
    rewatch(c);
    return true;
  }
  uint32_t kept = c->in_bytes;
  if (kept > 0) memcpy(scratch, c->in, kept);
  ssize_t got = recv(c->fd, scratch + kept, fan ? FAN_READ : sizeof scratch - kept, MSG_DONTWAIT);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) return false;
  count.bytes += got;
  uint32_t at = 0, end = kept + got;
  while (end - at >= 2) {
    uint32_t body = at + 1, length;
    if (!read_length(scratch, &body, end, &length)) {
      if (end - at >= 5) return false;
      break;
    }
    if (length > MAX_PACKET - 5) return false;
    if (end - body < length) break;
    if (!handle(c, scratch[at], scratch + body, length)) return false;
    at = body + length;
  }
  c->in_bytes = end - at;
  if (c->in_bytes > 0) {
    if (!(c->in = realloc(c->in, c->in_bytes))) fail("memory");
    memcpy(c->in, scratch + at, c->in_bytes);
  } else if (c->in) {
    free(c->in);
    c->in = NULL;
  }
  return true;
}

static void accept_all(void) {
  for (;;) {
    int one = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    if (fd >= client_limit) {
      close(fd);
      continue;
    }
    if (count.first_accept_s == 0) count.first_accept_s = now;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    Client *c = clients[fd] = calloc(1, sizeof *c);
    if (!c) fail("memory");
    c->fd = fd;
    c->events = EPOLLIN;
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) < 0) fail("epoll_ctl");
    count.connections++;
  }
}

static void print(double begun, bool is_final) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  printf("{\"tS\":%.3f,\"connections\":%ld,\"connects\":%ld,\"connectSpanS\":%.6f,\"subscribes\":%ld,\"publishes\":%ld,\"qos\":[%ld,%ld,%ld],"
         "\"pubrels\":%ld,\"pings\":%ld,\"disconnects\":%ld,\"bytes\":%ld,\"forwarded\":%ld,\"cpuS\":%.3f",
         now - begun, count.connections, count.connects, count.connects ? count.last_connect_s - count.first_accept_s : 0, count.subscribes,
         count.publishes, count.qos[0], count.qos[1], count.qos[2], count.pubrels, count.pings, count.disconnects, count.bytes, count.forwarded,
         u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6);
  if (is_final && bucket_s > 0) {
    printf(",\"bucketMs\":%.0f,\"buckets\":[", bucket_s * 1e3);
    for (long i = 0; i < bucket_count; i++) printf("%s%ld", i ? "," : "", buckets[i]);
    printf("]");
  }
  printf(is_final ? ",\"final\":true}\n" : "}\n");
  fflush(stdout);
}

static int listen_on(const char *host, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  socklen_t length = sizeof address;
  int one = 1;
  listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1) fail(host);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 65535) < 0) fail("listen");
  getsockname(listener, (struct sockaddr *)&address, &length);
  return ntohs(address.sin_port);
}

static void turn(const struct epoll_event *events, int event_count) {
  for (int i = 0; i < event_count; i++) {
    int fd = events[i].data.fd;
    if (fd == listener) continue;
    Client *c = clients[fd];
    bool alive = true;
    if (events[i].events & EPOLLOUT) alive = flush(c);
    if (alive && (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))) alive = receive(c);
    if (!alive) drop(c);
  }
  /* Accepted last: a descriptor that was closed above is not to be taken for its successor. */
  accept_all();
  while (dirty_count > 0) {
    Client *c = dirty[--dirty_count];
    c->dirty = false;
    if (!flush(c)) drop(c);
  }
}

int main(int argc, char **argv) {
  const char *host = "127.0.0.1";
  int port = 0;
  for (int i = 1; i < argc; i++) {
    bool has_value = i + 1 < argc;
    if (strcmp(argv[i], "--fan") == 0) fan = true;
    else if (strcmp(argv[i], "--port") == 0 && has_value) port = atoi(argv[++i]);
    else if (strcmp(argv[i], "--host") == 0 && has_value) host = argv[++i];
    else if (strcmp(argv[i], "--buckets") == 0 && has_value) bucket_s = atof(argv[++i]) / 1e3;
    else {
      fprintf(stderr, "usage: sink [--port P] [--host ADDRESS] [--fan] [--buckets MS]\n");
      return 2;
    }
  }
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  client_limit = files.rlim_cur < 1 << 20 ? (int)files.rlim_cur : 1 << 20;
  clients = calloc(client_limit, sizeof *clients);
  subscribers = calloc(client_limit, sizeof *subscribers);
  dirty = calloc(client_limit, sizeof *dirty);
  buckets = calloc(BUCKETS, sizeof *buckets);
  if (!clients || !subscribers || !dirty || !buckets) fail("memory");
  struct sigaction on_end = {.sa_handler = end};
  sigaction(SIGTERM, &on_end, NULL);
  sigaction(SIGINT, &on_end, NULL);

  port = listen_on(host, port);
  epoll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event e = {.events = EPOLLIN, .data.fd = listener}, events[EVENTS];
  if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e) < 0) fail("epoll");
  printf("{\"port\":%d}\n", port);
  fflush(stdout);

  double begun = clock_s(), next = begun + 1;
  while (!ended) {
    now = clock_s();
    int event_count = epoll_wait(epoll, events, EVENTS, next > now ? (int)((next - now) * 1e3) + 1 : 0);
    now = clock_s();
    if (event_count > 0) turn(events, event_count);
    if (now >= next) {
      print(begun, false);
      next += 1;
    }
  }
  print(begun, true);
  return 0;
}
