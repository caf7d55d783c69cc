/* Mock engines as servers: what stands behind the URL mock://[name].
 *
 * Each engine has a thread of its own, which alone touches it, and an abstract Unix socket from the
 * kernel's choice that accepts connections of this process only. So workers connect to it as to any
 * server, and everything the daemon promises about servers holds for it. */
#ifndef MOCK_HOST_H
#define MOCK_HOST_H

#include <stdbool.h>

#include "daemon/resolve.h"
#include "daemon/settings.h"

/* The address of the engine that the prefix' URL names, which is started when it is the first to
 * ask. A name is shared by all prefixes that use it; without one each prefix has its own. Its
 * settings are those of the prefix that comes first. From any thread. False with errno. */
bool mock_host_address(const struct prefix_settings *settings, struct address *address);

/* Refer to the engine of this URL, if it is one of a mock, and no more: with the last reference it
 * ends, and what is in it is gone. One that nobody refers to lives until the end. From any thread.
 */
void mock_host_hold(const struct prefix_settings *settings);
void mock_host_release(const struct prefix_settings *settings);

/* End all engines. No upstream may be left. */
void mock_hosts_finish(void);

#endif
