/* A census is answered in the end, and none begins behind that. */
#include <event2/event.h>

#include "daemon/census.h"
#include "tests/support/suite.h"

/* Who is answered asks again at once, as a guest with another request in its input does. */
struct asker {
    struct census census;
    int visits, answers, refusals;
};

static void visit(struct census *census, struct worker *worker)
{
    (void)worker;
    ((struct asker *)census)->visits++;
}

static void finish(struct census *census)
{
    struct asker *asker = (struct asker *)census;
    asker->answers++;
    asker->refusals += !census_start(census, census->office);
}

static void no_letter_goes_to_workers_that_have_ended(void)
{
    struct event_base *base = event_base_new();
    struct mailbox mailbox;
    struct worker worker = {.mailbox = &mailbox};
    struct census_office office;
    struct asker asker = {.census = {.visit = visit, .finish = finish}};
    EXPECT(mailbox_init(&mailbox, &worker.table));
    EXPECT(census_office_open(&office, base, &worker, 1));
    EXPECT(census_start(&asker.census, &office));
    mailbox_run(&mailbox);
    mailbox_finish(&mailbox);
    census_office_close(&office);
    event_base_free(base);
    EXPECT_NUMBER(asker.visits, 1);
    EXPECT_NUMBER(asker.answers, 1);
    EXPECT_NUMBER(asker.refusals, 1);
}

static const struct test_case cases[] = {
    {"no letter goes to workers that have ended", no_letter_goes_to_workers_that_have_ended},
};

SUITE_MAIN("census", cases)
