/* A configuration's way into force. See reload.h.
 *
 *   file, environment --read, checked--> settings --needs no restart--> sockets opened --+
 *                           |                             |                    |          v
 *                           v                             v                    v       in force
 *                                      nothing changes, the caller is told why */
#include "daemon/reload.h"

#include "daemon/log.h"

static bool try_it(struct service *service, struct settings *fresh, struct problems *wrong)
{
    settings_compare(service->settings, fresh, wrong);
    return wrong->count == 0 && service_use(service, fresh, wrong);
}

static void log_lines(const struct reload_result *result)
{
    for (size_t i = 0; i < result->lines.count; i++) {
        if (result->is_done) {
            log_notice("configuration: %s", result->lines.lines[i]);
        } else {
            log_error("configuration: %s", result->lines.lines[i]);
        }
    }
    if (!result->is_done) {
        log_error("configuration: not changed");
    } else if (result->lines.count == 0) {
        log_notice("configuration: in use, nothing has changed");
    } else {
        log_notice("configuration: in use");
    }
}

bool reload_run(struct service *service, struct reload_result *result)
{
    struct problems changes = {0};
    *result = (struct reload_result){0};
    supervision_reloading();
    log_notice("configuration: reading %s again",
               service->config == NULL ? "the environment" : service->config);
    struct settings *fresh = service->is_ending ? NULL : service_read(service, &result->lines);
    if (service->is_ending) {
        problems_note(&result->lines, "the daemon is ending");
    }
    if (fresh != NULL) {
        settings_tell_changes(service->settings, fresh, &changes);
        result->is_done = try_it(service, fresh, &result->lines);
    }
    if (result->is_done) {
        result->lines = changes;
    } else {
        settings_let_go(fresh);
        problems_finish(&changes);
    }
    log_lines(result);
    supervision_reloaded(&service->supervision, !result->is_done);
    return result->is_done;
}

void reload_result_finish(struct reload_result *result)
{
    problems_finish(&result->lines);
}
