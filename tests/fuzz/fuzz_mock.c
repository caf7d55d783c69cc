/* Any bytes as commands of an engine with little memory: two connections, framed as a server frames
 * them. Nothing may be read or written out of place, no memory be lost, and its bound holds. */
#include <stdlib.h>
#include <string.h>

#include "common/mock/mock.h"
#include "common/resp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    MEMORY_MAX = 1 << 20,
    WORDS_MAX = 128
};

static int64_t fixed_clock(void *arg)
{
    (void)arg;
    return 1700000000000000;
}

/* Cut a line into words at blanks; a word %NN stands for a byte. */
static size_t cut(const char *line, size_t len, struct fr_word *words)
{
    size_t count = 0, at = 0;
    while (at < len && count < WORDS_MAX) {
        size_t begin = at;
        while (at < len && line[at] != ' ') {
            at++;
        }
        words[count++] = (struct fr_word){line + begin, at - begin};
        at++;
    }
    return count;
}

static void drain(struct fr_mock_session *session)
{
    size_t len;
    const char *data = fr_mock_output(session, &len);
    struct fr_reply reply = {0};
    for (size_t at = 0, taken; at < len; at += taken) {
        if (fr_reply_scan(&reply, data + at, len - at, &taken) == FR_FRAME_BROKEN) {
            abort();
        }
    }
    fr_mock_taken(session, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fr_mock_options options = {.memory_max = MEMORY_MAX, .now_us = fixed_clock};
    struct fr_mock *mock = fr_mock_create(&options);
    struct fr_mock_session *sessions[2] = {fr_mock_session_create(mock, NULL, NULL),
                                           fr_mock_session_create(mock, NULL, NULL)};
    const char *text = (const char *)data, *end = text + size;
    struct fr_word words[WORDS_MAX];
    for (size_t line = 0; text < end; line++) {
        const char *line_end = memchr(text, '\n', (size_t)(end - text));
        line_end = line_end ? line_end : end;
        struct fr_mock_session *session = sessions[line_end > text && *text == '!'];
        size_t skip = line_end > text && *text == '!';
        fr_mock_call(session, words, cut(text + skip, (size_t)(line_end - text) - skip, words));
        drain(sessions[0]);
        drain(sessions[1]);
        if (fr_mock_memory(mock) > (size_t)16 * MEMORY_MAX) {
            abort();
        }
        text = line_end + 1;
    }
    fr_mock_session_destroy(sessions[0]);
    fr_mock_session_destroy(sessions[1]);
    fr_mock_destroy(mock);
    return 0;
}
