/* Ports of the loopback that belong to one test process. */
#ifndef TESTS_SUPPORT_PORT_H
#define TESTS_SUPPORT_PORT_H

#include <stdint.h>

/* A port that nobody listens on, and that no other test takes while this process lives: a server
 * may be stopped and started on it again. */
uint16_t free_tcp_port(void);

#endif
