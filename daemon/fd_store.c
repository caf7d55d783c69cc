/* What the service manager holds for the daemon. See fd_store.h. */
#include "daemon/fd_store.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/notify.h"

static struct {
    int first;
    size_t count;
    char **names; /* NULL in the place of one that was taken */
} handed;

void fd_store_open(void)
{
    int count = notify_handed_over(&handed.first, &handed.names);
    handed.count = handed.names == NULL ? 0 : (size_t)count;
}

size_t fd_store_count(void)
{
    size_t count = 0;
    for (size_t i = 0; i < handed.count; i++) {
        count += handed.names[i] != NULL;
    }
    return count;
}

static int take(size_t at)
{
    free(handed.names[at]);
    handed.names[at] = NULL;
    return handed.first + (int)at;
}

int fd_store_take(const char *name)
{
    for (size_t i = 0; i < handed.count; i++) {
        if (handed.names[i] != NULL && strcmp(handed.names[i], name) == 0) {
            return take(i);
        }
    }
    return -1;
}

/* FDPOLL=0: the service manager is not to drop a socket because something happens on it. */
bool fd_store_keep(const char *name, int fd)
{
    return notify_say_with(fd, "FDSTORE=1\nFDNAME=%s\nFDPOLL=0", name);
}

void fd_store_drop(const char *name)
{
    notify_say("FDSTOREREMOVE=1\nFDNAME=%s", name);
}

void fd_store_each_left(void (*show)(const char *name, int fd))
{
    for (size_t i = 0; i < handed.count; i++) {
        if (handed.names[i] != NULL) {
            show(handed.names[i], handed.first + (int)i);
            close(take(i));
        }
    }
    free(handed.names);
    handed.names = NULL;
    handed.count = 0;
}
