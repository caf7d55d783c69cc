/* The round of a question through all workers. See census.h. */
#include "daemon/census.h"

static void on_arrival(struct mail *mail, void *receiver);

static void send_on(struct census *census)
{
    struct census_office *office = census->office;
    bool is_done = census->next >= office->worker_count;
    mailbox_post(is_done ? &office->home : office->workers[census->next].mailbox, &census->mail);
}

static void on_arrival(struct mail *mail, void *receiver)
{
    struct census *census = (struct census *)mail;
    struct census_office *office = census->office;
    (void)receiver;
    if (census->next >= office->worker_count) {
        office->under_way--;
        census->finish(census);
        return;
    }
    census->visit(census, &office->workers[census->next]);
    census->next++;
    send_on(census);
}

bool census_office_open(struct census_office *office, struct event_base *base,
                        struct worker *workers, int worker_count)
{
    *office = (struct census_office){.workers = workers, .worker_count = worker_count};
    if (!mailbox_init(&office->home, office)) {
        return false;
    }
    mailbox_open(&office->home, base);
    return true;
}

void census_office_close(struct census_office *office)
{
    if (office->workers == NULL) {
        return;
    }
    office->is_closed = true; /* who is answered now may ask again */
    mailbox_close(&office->home);
    mailbox_run(&office->home);
    mailbox_finish(&office->home);
}

bool census_start(struct census *census, struct census_office *office)
{
    if (office->is_closed || office->under_way >= CENSUS_MOST) {
        return false;
    }
    office->under_way++;
    census->office = office;
    census->mail.run = on_arrival;
    census->next = 0;
    send_on(census);
    return true;
}
