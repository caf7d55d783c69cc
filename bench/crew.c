/* What the callers share is one mapping, made before there are any:
 *
 *     struct board  | arrived   each caller, once its connection has answered
 *                   | start     barrier: the parent comes last, when all have arrived
 *                   | deadline  written by the parent before it comes to the barrier
 *                   | fault     by whoever had the first
 *     struct tally  | caller 0: replies, errors, histogram   written by that caller only,
 *     struct tally  | caller 1: ...                          read by the parent when it ended
 *
 * The parent calls nobody: it sleeps until the time is over, and looks then at the clocks of server
 * and pooler, which therefore hold nothing of connecting and closing. */
#include "bench/crew.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "bench/clock.h"

/* For all callers to be connected; then the benchmark fails instead of hanging. */
#define ARRIVAL_LIMIT_S 60

struct board {
    sem_t arrived;
    pthread_barrier_t start;
    uint64_t start_ns; /* both before the parent comes to the barrier */
    uint64_t deadline_ns;
    atomic_bool is_hopeless; /* somebody has no client to ask with */
    struct fault fault;
    struct tally tallies[];
};

/* A thread of the crew, or the one of a process of it. */
struct member {
    struct caller caller;
    struct board *board;
    pthread_t thread;
};

static unsigned caller_count(const struct crew *crew)
{
    return crew->processes * crew->threads;
}

static size_t board_size(const struct crew *crew)
{
    return sizeof(struct board) + caller_count(crew) * sizeof(struct tally);
}

static struct board *board_create(const struct crew *crew)
{
    struct board *board =
        mmap(NULL, board_size(crew), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED) {
        fprintf(stderr, "load: shared mapping: %s\n", strerror(errno));
        return NULL;
    }
    pthread_barrierattr_t shared;
    pthread_barrierattr_init(&shared);
    pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(&board->start, &shared, caller_count(crew) + 1);
    pthread_barrierattr_destroy(&shared);
    sem_init(&board->arrived, 1, 0);
    atomic_flag_clear(&board->fault.is_known);
    return board;
}

static struct member member_of(const struct crew *crew, struct board *board, unsigned number)
{
    return (struct member){
        .caller = {.calls = &crew->calls, .tally = &board->tallies[number], .fault = &board->fault},
        .board = board};
}

static void work(struct member *member)
{
    struct board *board = member->board;
    if (!caller_warm_up(&member->caller))
        atomic_store(&board->is_hopeless, true);
    sem_post(&board->arrived);
    pthread_barrier_wait(&board->start);
    caller_run(&member->caller, board->deadline_ns);
    caller_finish(&member->caller);
}

/* --- processes -------------------------------------------------------------------------------- */

/* In the new process. Ends with the parent, however that ends. */
static void become_member(const struct crew *crew, struct board *board, unsigned number,
                          pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    struct member member = member_of(crew, board, number);
    work(&member);
    _exit(0);
}

static bool start_processes(struct crew *crew, struct board *board, struct member *members)
{
    (void)members;
    pid_t parent = getpid();
    for (unsigned i = 0; i < crew->processes; i++) {
        pid_t child = fork();
        if (child < 0) {
            fprintf(stderr, "load: fork of process %u failed: %s\n", i, strerror(errno));
            return false;
        }
        if (child == 0)
            become_member(crew, board, i, parent);
    }
    return true;
}

static bool await_processes(struct crew *crew, struct member *members)
{
    (void)crew;
    (void)members;
    bool all_well = true;
    int status;
    while (wait(&status) > 0)
        all_well = all_well && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!all_well)
        fprintf(stderr, "load: a process of the load died\n");
    return all_well;
}

/* --- threads ---------------------------------------------------------------------------------- */

static void *run_thread(void *member)
{
    work(member);
    return NULL;
}

static bool start_threads(struct crew *crew, struct board *board, struct member *members)
{
    for (unsigned i = 0; i < crew->threads; i++) {
        members[i] = member_of(crew, board, i);
        int error = pthread_create(&members[i].thread, NULL, run_thread, &members[i]);
        if (error != 0) {
            fprintf(stderr, "load: start of thread %u failed: %s\n", i, strerror(error));
            return false;
        }
    }
    return true;
}

static bool await_threads(struct crew *crew, struct member *members)
{
    for (unsigned i = 0; i < crew->threads; i++)
        pthread_join(members[i].thread, NULL);
    return true;
}

/* --- both ------------------------------------------------------------------------------------- */

static const struct kind {
    const char *name;
    bool (*start)(struct crew *crew, struct board *board, struct member *members);
    bool (*await)(struct crew *crew, struct member *members); /* until all have ended */
} kinds[] = {{"processes", start_processes, await_processes},
             {"threads", start_threads, await_threads}};

static const struct kind *kind_of(const struct crew *crew)
{
    return &kinds[crew->threads > 1];
}

/* A caller that died before it arrived would leave the others at the barrier for ever; the parent
 * gives up instead, and they end with it. */
static bool await_arrivals(const struct crew *crew, struct board *board)
{
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += ARRIVAL_LIMIT_S;
    for (unsigned i = 0; i < caller_count(crew); i++) {
        int status;
        while ((status = sem_timedwait(&board->arrived, &limit)) < 0 && errno == EINTR)
            continue;
        if (status < 0) {
            fprintf(stderr, "load: only %u of %u %s were ready within %d s\n", i,
                    caller_count(crew), kind_of(crew)->name, ARRIVAL_LIMIT_S);
            return false;
        }
    }
    if (atomic_load(&board->is_hopeless))
        fprintf(stderr, "load: %s\n", board->fault.text);
    return !atomic_load(&board->is_hopeless);
}

static bool call_until_deadline(struct crew *crew, struct board *board)
{
    if (!spent_begin(&crew->spent))
        return false;
    board->start_ns = clock_ns();
    board->deadline_ns = board->start_ns + (uint64_t)(crew->seconds * 1e9);
    pthread_barrier_wait(&board->start);
    clock_sleep_until(board->deadline_ns);
    return spent_end(&crew->spent);
}

static void add_tally(struct tally *sum, const struct tally *one)
{
    sum->replies += one->replies;
    sum->errors += one->errors;
    sum->wrong += one->wrong;
    sum->cpu_s += one->cpu_s;
    if (one->end_ns > sum->end_ns)
        sum->end_ns = one->end_ns;
    latency_add(&sum->latency, &one->latency);
}

static void add_up(const struct crew *crew, const struct board *board, struct outcome *outcome)
{
    for (unsigned i = 0; i < caller_count(crew); i++)
        add_tally(&outcome->sum, &board->tallies[i]);
    outcome->seconds = (double)(outcome->sum.end_ns - board->start_ns) / 1e9;
    memcpy(outcome->fault, board->fault.text, sizeof(outcome->fault));
}

static bool run_on(struct crew *crew, struct board *board, struct outcome *outcome)
{
    struct member *members = calloc(crew->threads, sizeof(*members));
    bool is_measured = members && kind_of(crew)->start(crew, board, members) &&
                       await_arrivals(crew, board) && call_until_deadline(crew, board);
    /* Who is still at the barrier is waited for by nobody. */
    if (!is_measured)
        return false;
    is_measured = kind_of(crew)->await(crew, members);
    add_up(crew, board, outcome);
    free(members);
    munmap(board, board_size(crew));
    return is_measured;
}

/* What all use and nobody changes. Threads have one handle, as those of an application. */
static bool prepare(struct crew *crew, struct library *library)
{
    struct calls *calls = &crew->calls;
    calls->batch = unit_repeat(calls->unit, calls->pipeline, &calls->batch_len);
    if (!calls->batch)
        fprintf(stderr, "load: out of memory\n");
    if (!calls->batch || !calls->by_library || crew->threads == 1)
        return calls->batch != NULL;
    if (!library_open(library, calls->target.socket_path, crew->threads)) {
        fprintf(stderr, "load: handle: %s\n", flask_redis_last_error()->text);
        return false;
    }
    calls->redis = library->redis;
    return true;
}

bool crew_run(struct crew *crew, struct outcome *outcome)
{
    struct library library = {0};
    *outcome = (struct outcome){0};
    struct board *board = prepare(crew, &library) ? board_create(crew) : NULL;
    if (!board || !run_on(crew, board, outcome))
        return false;
    library_close(&library);
    free(crew->calls.batch);
    return true;
}
