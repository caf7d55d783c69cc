/* Log lines on standard error: one write each, "LEVEL who: what", readable on a terminal and, with
 * the <N> priority prefix where standard error is the journal's, under systemd. Safe from every
 * thread. Never give it a secret. */
#ifndef LOG_H
#define LOG_H

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_NOTICE,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG
};

/* Say where lines go from now on: looks at JOURNAL_STREAM to learn whether standard error is the
 * journal. Call once before the first thread. */
void log_open(void);

/* Lines above this level are dropped. May be called at any time. */
void log_set_level(enum log_level level);

enum log_level log_get_level(void);

/* Write one line; control characters in it are replaced by spaces, over-long lines cut. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
/* Arguments are not evaluated while debug lines are off. */
#define log_debug(...)                                                                             \
    do {                                                                                           \
        if (log_get_level() >= LOG_LEVEL_DEBUG) {                                                  \
            log_line(LOG_LEVEL_DEBUG, __VA_ARGS__);                                                \
        }                                                                                          \
    } while (0)

#endif
