/* Messages between workers: posted by any thread, run by the receiver's. The only thing that takes
 * a lock, and nothing on a command's way uses it. */
#ifndef MAILBOX_H
#define MAILBOX_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/queue.h>

#include <event2/event_struct.h>

struct event_base;

/* A message; embedded in what it carries, which belongs to the receiver once posted. */
struct mail {
    STAILQ_ENTRY(mail) next;
    void (*run)(struct mail *mail, void *receiver);
};

struct mailbox {
    pthread_mutex_t mutex;
    STAILQ_HEAD(, mail) mails;
    int wake_fd;
    struct event event;
    void *receiver; /* given to run */
    bool is_open;
};

/* False with errno when the system refuses. */
bool mailbox_init(struct mailbox *mailbox, void *receiver);

/* Have the loop of this base run what comes. Before the loop's thread starts. */
void mailbox_open(struct mailbox *mailbox, struct event_base *base);

/* Run nothing by itself any more. */
void mailbox_close(struct mailbox *mailbox);

/* Run what has come, in the caller's thread; for when the receiver's has ended. False: nothing had.
 */
bool mailbox_run(struct mailbox *mailbox);

void mailbox_finish(struct mailbox *mailbox);

/* Have run called in the receiver's thread. */
void mailbox_post(struct mailbox *mailbox, struct mail *mail);

/* Take back what was posted and has not been run. From the receiver's thread. */
void mailbox_take_back(struct mailbox *mailbox, struct mail *mail);

#endif
