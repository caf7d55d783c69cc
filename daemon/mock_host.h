/* Mock engines as servers: what stands behind the URL mock://[name].
 *
 * Workers call an engine themselves, over lines (mock_line.h). Each has a thread of its own as
 * well, for commands that may take long and for what is due at a time. */
#ifndef MOCK_HOST_H
#define MOCK_HOST_H

#include "daemon/settings.h"

/* Refer to the engine of this URL, if it is one of a mock, and no more: with the last reference it
 * ends, and what is in it is gone. One that nobody refers to lives until the end. No line may be
 * left with the last. A name is shared by all prefixes that use it; without one each prefix has its
 * own. From any thread. */
void mock_host_hold(const struct prefix_settings *settings);
void mock_host_release(const struct prefix_settings *settings);

/* End all engines, for the end of the process. No line may be left. One that is in the middle of
 * something is waited for for a second, and then left to itself. */
void mock_hosts_finish(void);

#endif
