/* A client of shared memory that tests hold in their hands: its mapping, descriptors and rings. */
#ifndef TESTS_SUPPORT_RINGS_H
#define TESTS_SUPPORT_RINGS_H

#include "common/channel.h"
#include "tests/support/client.h"
#include "tests/support/daemon.h"

enum ring_descriptor {
    RING_MEMORY,
    RING_PAGE,
    RING_KICK,
    RING_DESCRIPTORS
};

struct rings {
    struct client *socket;
    int fds[RING_DESCRIPTORS];
    void *mapping;
    size_t len;
    const struct fr_page *page;
    struct fr_channel_client end;
    struct bytes in;
};

/* Ask for rings of this size on a connection of its own to the prefix REDIS; both are closed when
 * the case ends. NULL: it was refused, and the reply is rings_refusal(). */
struct rings *rings_try_attach(const struct daemon *pooler, unsigned request_cap,
                               unsigned reply_cap);
struct rings *rings_attach(const struct daemon *pooler, unsigned cap);
const char *rings_refusal(void);

/* Close and unmap now. Twice is fine. */
void rings_close(struct rings *rings);

/* Send a line as a request; all of it must fit. */
void rings_send(struct rings *rings, const char *line);

/* Put bytes in, as many as fit, and wake the daemon if it wants to be. */
size_t rings_put(struct rings *rings, const char *data, size_t len);

/* Take one complete reply, without sleeping on anything. */
const char *rings_read(struct rings *rings);

/* Write the eventfd. */
void rings_kick(const struct rings *rings);

/* Whether the daemon closes the connection in time. */
bool rings_end(struct rings *rings);

#define EXPECT_RINGS(rings, line, expected)                                                        \
    do {                                                                                           \
        rings_send(rings, line);                                                                   \
        const char *got_ = rings_read(rings);                                                      \
        expect_bytes(__FILE__, __LINE__, line, got_, strlen(got_), expected, strlen(expected));    \
    } while (0)

#endif
