/*
 * What the C floors share: arguments, N connected MQTT 3.1.1 clients, a PUBLISH ready in memory for each, and clocks.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { TOPIC_BYTES = 31, MAX_PAYLOAD = 8000, MAX_PACKET = 3 + 2 + TOPIC_BYTES + MAX_PAYLOAD };

struct arguments {
  int connections, payload_bytes;
  double seconds;
  struct sockaddr_in address;
};

struct fleet {
  int *sockets;
  unsigned char *packets; /* close together: a stride of the largest would measure cache misses */
  int packet_bytes;
};

static const char *program;

static inline void fail(const char *what) {
  fprintf(stderr, "%s: %s: %s\n", program, what, strerror(errno));
  exit(1);
}

static inline double now_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static inline double cpu_s(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static inline const char *option(int count, char **words, const char *name, const char *otherwise) {
  for (int i = 1; i + 1 < count; i += 2)
    if (strcmp(words[i], name) == 0) return words[i + 1];
  return otherwise;
}

static inline struct arguments parse(const char *name, int count, char **words, const char *connections) {
  program = name;
  struct arguments a = {
      .connections = atoi(option(count, words, "--connections", connections)),
      .payload_bytes = atoi(option(count, words, "--payload", "64")),
      .seconds = atof(option(count, words, "--seconds", "8")),
      .address = {.sin_family = AF_INET, .sin_port = htons(atoi(option(count, words, "--port", "0")))},
  };
  if (inet_pton(AF_INET, option(count, words, "--host", "127.0.0.1"), &a.address.sin_addr) != 1 || a.address.sin_port == 0 ||
      a.connections < 1 || a.payload_bytes < 0 || a.payload_bytes > MAX_PAYLOAD || a.seconds <= 0) {
    fprintf(stderr, "usage: %s --port P [--host ADDRESS] [--connections N] [--payload BYTES] [--seconds S]\n", name);
    exit(2);
  }
  return a;
}

static inline int connect_client(const struct sockaddr_in *address, int index) {
  int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) fail("socket");
  if (connect(fd, (const struct sockaddr *)address, sizeof *address) < 0) fail("connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  /* MQTT 3.1.1, clean session, keep alive 0, a client id of 12 characters. */
  unsigned char packet[26] = {0x10, 24, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, 12}, answer[4];
  char id[13];
  snprintf(id, sizeof id, "bench-%06d", index % 1000000);
  memcpy(packet + 14, id, 12);
  if (send(fd, packet, sizeof packet, MSG_NOSIGNAL) != sizeof packet) fail("send CONNECT");
  if (recv(fd, answer, 4, MSG_WAITALL) != 4 || answer[0] != 0x20 || answer[3] != 0) fail("CONNACK");
  return fd;
}

/* A PUBLISH on a topic of its own for each connection; returns its length. */
static inline int build_publish(unsigned char *packet, int index, int payload_bytes) {
  int remaining = 2 + TOPIC_BYTES + payload_bytes, at = 0;
  packet[at++] = 0x30;
  for (int rest = remaining; rest > 0 || at == 1;) {
    packet[at++] = (rest & 127) | (rest > 127 ? 128 : 0);
    rest >>= 7;
  }
  packet[at++] = 0;
  packet[at++] = TOPIC_BYTES;
  char topic[TOPIC_BYTES + 1];
  snprintf(topic, sizeof topic, "bench/plant-1/line-1/%010d", index % 1000000000);
  memcpy(packet + at, topic, TOPIC_BYTES);
  at += TOPIC_BYTES;
  memset(packet + at, 'x', payload_bytes);
  return at + payload_bytes;
}

static inline struct fleet connect_fleet(struct arguments a) {
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  unsigned char scratch[MAX_PACKET];
  int length = build_publish(scratch, 0, a.payload_bytes);
  struct fleet fleet = {calloc(a.connections, sizeof(int)), malloc((size_t)a.connections * length), length};
  if (!fleet.sockets || !fleet.packets) fail("memory");
  for (int i = 0; i < a.connections; i++) {
    fleet.sockets[i] = connect_client(&a.address, i);
    build_publish(fleet.packets + (size_t)i * length, i, a.payload_bytes);
  }
  return fleet;
}

static inline void send_one(const struct fleet *fleet, int i) {
  if (send(fleet->sockets[i], fleet->packets + (size_t)i * fleet->packet_bytes, fleet->packet_bytes, MSG_NOSIGNAL) != fleet->packet_bytes)
    fail("send");
}
