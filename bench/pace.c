/*
 * The floor of an even load: N connections, each with one send() of a QoS 0 PUBLISH a second, spread over the second in ticks of 1 ms.
 *
 *   pace --port P [--host 127.0.0.1] [--connections 5000] [--payload 64] [--seconds 8]
 *
 * Prints one JSON line: the share of a core it used while publishing, and CPU microseconds a message (user + system).
 */
#include "client.h"

#include <sys/epoll.h>

int main(int count, char **words) {
  struct arguments a = parse("pace", count, words, "5000");
  struct fleet fleet = connect_fleet(a);
  int epoll = epoll_create1(0);
  for (int i = 0; i < a.connections; i++) {
    struct epoll_event e = {.events = EPOLLIN};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fleet.sockets[i], &e) < 0) fail("epoll_ctl");
  }

  long sent = 0;
  double begun = now_s(), cpu = cpu_s(), now = begun;
  while ((now = now_s()) < begun + a.seconds) {
    for (long due = (now - begun) * a.connections; sent < due; sent++) send_one(&fleet, sent % a.connections);
    struct epoll_event events[64];
    epoll_wait(epoll, events, 64, 1);
  }
  cpu = cpu_s() - cpu;
  printf("{\"connections\":%d,\"sent\":%ld,\"seconds\":%.3f,\"cores\":%.4f,\"cpuUsPerMessage\":%.3f}\n", a.connections, sent, now - begun,
         cpu / (now - begun), cpu * 1e6 / sent);
  return 0;
}
