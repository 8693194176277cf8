/*
 * The floor that a load generator is measured against: N connections in turn, one send() for one QoS 0 PUBLISH, nothing else.
 *
 *   flood --port P [--host 127.0.0.1] [--connections 1000] [--payload 64] [--seconds 8]
 *
 * Prints one JSON line: messages a second and CPU microseconds a message (user + system, of the publishing alone).
 * Sockets block: when the receiver is slower than this loop, so is the loop, and its CPU per message still counts.
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

static void fail(const char *what) {
  fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
  exit(1);
}

static double now_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static double cpu_s(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static int connect_client(const struct sockaddr_in *address, int index) {
  int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) fail("socket");
  if (connect(fd, (const struct sockaddr *)address, sizeof *address) < 0) fail("connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  /* MQTT 3.1.1, clean session, keep alive 0, a client id of 12 characters. */
  unsigned char packet[26] = {0x10, 24, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, 12}, answer[4];
  char id[13];
  snprintf(id, sizeof id, "flood-%06d", index % 1000000);
  memcpy(packet + 14, id, 12);
  if (send(fd, packet, sizeof packet, MSG_NOSIGNAL) != sizeof packet) fail("send CONNECT");
  if (recv(fd, answer, 4, MSG_WAITALL) != 4 || answer[0] != 0x20 || answer[3] != 0) fail("CONNACK");
  return fd;
}

/* A PUBLISH on a topic of its own for each connection; returns its length. */
static int build_publish(unsigned char *packet, int index, int payload_bytes) {
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

static const char *option(int count, char **words, const char *name, const char *otherwise) {
  for (int i = 1; i + 1 < count; i += 2)
    if (strcmp(words[i], name) == 0) return words[i + 1];
  return otherwise;
}

int main(int count, char **words) {
  int connections = atoi(option(count, words, "--connections", "1000"));
  int payload_bytes = atoi(option(count, words, "--payload", "64"));
  double seconds = atof(option(count, words, "--seconds", "8"));
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(option(count, words, "--port", "0")))};
  if (inet_pton(AF_INET, option(count, words, "--host", "127.0.0.1"), &address.sin_addr) != 1 || address.sin_port == 0 || connections < 1 ||
      payload_bytes < 0 || payload_bytes > MAX_PAYLOAD || seconds <= 0) {
    fprintf(stderr, "usage: flood --port P [--host ADDRESS] [--connections N] [--payload BYTES] [--seconds S]\n");
    return 2;
  }
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);

  /* Packets lie close together: a stride of the largest would measure cache misses. */
  unsigned char scratch[MAX_PACKET];
  int length = build_publish(scratch, 0, payload_bytes);
  int *sockets = calloc(connections, sizeof *sockets);
  unsigned char *packets = malloc((size_t)connections * length);
  if (!sockets || !packets) fail("memory");
  for (int i = 0; i < connections; i++) {
    sockets[i] = connect_client(&address, i);
    build_publish(packets + (size_t)i * length, i, payload_bytes);
  }

  long sent = 0;
  double begun = now_s(), cpu = cpu_s(), end = begun + seconds, now = begun;
  while (now < end) {
    for (int burst = 0; burst < 1000; burst++) {
      int i = sent % connections;
      if (send(sockets[i], packets + (size_t)i * length, length, MSG_NOSIGNAL) != length) fail("send");
      sent++;
    }
    now = now_s();
  }
  cpu = cpu_s() - cpu;
  /* The receiver closes a connection when it has read all of it: only then is `sent` also received. */
  for (int i = 0; i < connections; i++) shutdown(sockets[i], SHUT_WR);
  for (int i = 0; i < connections; i++)
    while (recv(sockets[i], scratch, sizeof scratch, 0) > 0) continue;
  printf("{\"connections\":%d,\"packetBytes\":%d,\"sent\":%ld,\"seconds\":%.3f,\"perSec\":%.0f,\"cpuUsPerMessage\":%.3f}\n", connections,
         length, sent, now - begun, sent / (now - begun), cpu * 1e6 / sent);
  return 0;
}
