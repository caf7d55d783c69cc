/* Messages between workers. See mailbox.h. */
#include "daemon/mailbox.h"

#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>

bool mailbox_init(struct mailbox *mailbox, void *receiver)
{
    *mailbox = (struct mailbox){.receiver = receiver};
    STAILQ_INIT(&mailbox->mails);
    pthread_mutex_init(&mailbox->mutex, NULL);
    mailbox->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return mailbox->wake_fd >= 0;
}

void mailbox_finish(struct mailbox *mailbox)
{
    pthread_mutex_destroy(&mailbox->mutex);
    if (mailbox->wake_fd >= 0) {
        close(mailbox->wake_fd);
    }
}

static struct mail *take(struct mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->mutex);
    struct mail *mail = STAILQ_FIRST(&mailbox->mails);
    if (mail != NULL) {
        STAILQ_REMOVE_HEAD(&mailbox->mails, next);
    }
    pthread_mutex_unlock(&mailbox->mutex);
    return mail;
}

bool mailbox_run(struct mailbox *mailbox)
{
    bool has_run = false;
    for (struct mail *mail; (mail = take(mailbox)) != NULL;) {
        mail->run(mail, mailbox->receiver);
        has_run = true;
    }
    return has_run;
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct mailbox *mailbox = arg;
    uint64_t count;
    (void)what;
    if (read(fd, &count, sizeof count) < 0) {
        return; /* woken for nothing */
    }
    mailbox_run(mailbox);
}

void mailbox_open(struct mailbox *mailbox, struct event_base *base)
{
    event_assign(&mailbox->event, base, mailbox->wake_fd, EV_READ | EV_PERSIST, on_wake, mailbox);
    event_add(&mailbox->event, NULL);
    mailbox->is_open = true;
}

void mailbox_close(struct mailbox *mailbox)
{
    if (mailbox->is_open) {
        event_del(&mailbox->event);
        mailbox->is_open = false;
    }
}

void mailbox_post(struct mailbox *mailbox, struct mail *mail)
{
    static const uint64_t one = 1;
    pthread_mutex_lock(&mailbox->mutex);
    STAILQ_INSERT_TAIL(&mailbox->mails, mail, next);
    pthread_mutex_unlock(&mailbox->mutex);
    if (write(mailbox->wake_fd, &one, sizeof one) < 0) {
        return; /* the counter is full: a wake-up is certain already */
    }
}

void mailbox_take_back(struct mailbox *mailbox, struct mail *mail)
{
    pthread_mutex_lock(&mailbox->mutex);
    STAILQ_REMOVE(&mailbox->mails, mail, mail, next);
    pthread_mutex_unlock(&mailbox->mutex);
}
