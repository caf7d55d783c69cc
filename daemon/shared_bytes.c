/* Bytes in several buffers. See shared_bytes.h. */
#include "daemon/shared_bytes.h"

#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "daemon/memory.h"

struct shared_bytes *shared_bytes_make(const char *data, size_t len)
{
    struct shared_bytes *bytes = memory_alloc(sizeof *bytes + len);
    bytes->users = 1;
    bytes->len = len;
    memcpy(bytes->data, data, len);
    return bytes;
}

void shared_bytes_release(struct shared_bytes *bytes)
{
    if (bytes != NULL && --bytes->users == 0) {
        free(bytes);
    }
}

static void on_written(const void *data, size_t len, void *bytes)
{
    (void)data, (void)len;
    shared_bytes_release(bytes);
}

void shared_bytes_add(struct shared_bytes *bytes, struct evbuffer *to)
{
    bytes->users++;
    evbuffer_add_reference(to, bytes->data, bytes->len, on_written, bytes);
}
