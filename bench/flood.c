/*
 * The floor that a load generator is measured against: N connections in turn, one send() for one QoS 0 PUBLISH, nothing else.
 *
 *   flood --port P [--host 127.0.0.1] [--connections 1000] [--payload 64] [--seconds 8]
 *
 * Prints one JSON line: connects a second, messages a second, and CPU microseconds a message (user + system, of the publishing alone).
 * Sockets block: when the receiver is slower than this loop, so is the loop, and its CPU per message still counts.
 */
#include "client.h"

int main(int count, char **words) {
  struct arguments a = parse("flood", count, words, "1000");
  double connecting = now_s();
  struct fleet fleet = connect_fleet(a);
  double connects = a.connections / (now_s() - connecting);

  long sent = 0;
  double begun = now_s(), cpu = cpu_s(), now = begun;
  while (now < begun + a.seconds) {
    for (int burst = 0; burst < 1000; burst++, sent++) send_one(&fleet, sent % a.connections);
    now = now_s();
  }
  cpu = cpu_s() - cpu;
  /* The receiver closes a connection when it has read all of it: only then is `sent` also received. */
  for (int i = 0; i < a.connections; i++) shutdown(fleet.sockets[i], SHUT_WR);
  char rest[4096];
  for (int i = 0; i < a.connections; i++)
    while (recv(fleet.sockets[i], rest, sizeof rest, 0) > 0) continue;
  printf("{\"connections\":%d,\"connectsPerSec\":%.0f,\"packetBytes\":%d,\"sent\":%ld,\"seconds\":%.3f,\"perSec\":%.0f,\"cpuUsPerMessage\":%.3f}\n",
         a.connections, connects, fleet.packet_bytes, sent, now - begun, sent / (now - begun), cpu * 1e6 / sent);
  return 0;
}
