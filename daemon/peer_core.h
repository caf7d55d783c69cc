/* On which core the process at the other end of a socket runs. */
#ifndef PEER_CORE_H
#define PEER_CORE_H

/* The core on which the peer of a connected socket ran last; -1: it runs on another host, or the
 * system does not tell. Of a TCP peer it is the core from which its last bytes came. Costs some
 * system calls: 1 µs on TCP, 10 on a Unix socket. */
int peer_core(int fd);

#endif
