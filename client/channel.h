/* The library's end of a channel of shared memory: system calls and waiting. One thread uses it at
 * a time. What the two ends agree on is in common/channel.h. */
#ifndef FR_CLIENT_CHANNEL_H
#define FR_CLIENT_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct fr_channel;

/* What a client is given with the reply to ATTACH, in this order. */
enum fr_channel_fd {
    FR_CHANNEL_FD_MEMORY,
    FR_CHANNEL_FD_PAGE,
    FR_CHANNEL_FD_KICK,
    FR_CHANNEL_FDS
};

/* Use these descriptors, and take them in any case. socket: the daemon's sign of life, which stays
 * the caller's. NULL: they are not what the reply says, or the system refuses. */
struct fr_channel *fr_channel_open(const int fds[FR_CHANNEL_FDS], int socket, uint32_t request_cap,
                                   uint32_t reply_cap);

/* Unmap and free. NULL is fine. */
void fr_channel_close(struct fr_channel *channel);

/* In a child after fork(): part with what is the parent's. The mappings are not in the child. */
void fr_channel_forked(struct fr_channel *channel);

/* As send() and recv() that do not wait. 0 of fr_channel_read: the daemon has closed. */
ssize_t fr_channel_write(struct fr_channel *channel, const char *data, size_t len);
ssize_t fr_channel_read(struct fr_channel *channel, char *to, size_t cap);

/* Wait for at most timeout_ms (-1: for ever) until there are replies, or room if wanted; as
 * poll(): 1, 0 for too late, -1 with EINTR. */
int fr_channel_wait(struct fr_channel *channel, bool wants_room, int timeout_ms);

/* Have the socket become readable when replies come. False: there are some, or the end, already. */
bool fr_channel_arm(struct fr_channel *channel);

/* How many bytes of those written the daemon has not taken and never will, since it has closed:
 * none as long as it has not, whatever else is wrong with it. */
size_t fr_channel_left(const struct fr_channel *channel);

/* Nothing is under way: give back what large requests took of memory. */
void fr_channel_trim(struct fr_channel *channel);

#endif
