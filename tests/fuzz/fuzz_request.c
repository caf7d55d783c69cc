/* Any bytes as requests: the same frames in whatever pieces they come, and as many words in each as
 * it announced. The first bytes of the input choose limits and pieces. */
#include "common/resp.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool true_always)
{
    if (!true_always) {
        abort();
    }
}

/* Exactly these bytes in memory of their own, so that one too far is noticed. */
static enum fr_frame show(struct fr_request *request, const char *data, size_t len,
                          const struct fr_request_limits *limits)
{
    char *copy = malloc(len + (len == 0));
    check(copy != NULL);
    memcpy(copy, data, len);
    enum fr_frame frame = fr_request_scan(request, copy, len, limits);
    free(copy);
    check(request->scanned <= len);
    return frame;
}

/* A number that says how much more is shown next: never nothing, mostly little. */
static size_t next_piece(uint32_t *state)
{
    *state = *state * 1664525U + 1013904223U;
    return 1 + (*state >> 24) % 24;
}

static enum fr_frame show_pieces(struct fr_request *request, const char *data, size_t len,
                                 const struct fr_request_limits *limits, uint32_t seed)
{
    enum fr_frame frame = FR_FRAME_MORE;
    for (size_t shown = 0; frame == FR_FRAME_MORE && shown < len;) {
        shown += next_piece(&seed);
        shown = shown < len ? shown : len;
        frame = show(request, data, shown, limits);
    }
    return frame;
}

/* Drop what was scanned after every piece. Returns the length of the frame when it is complete. */
static enum fr_frame stream_pieces(const char *data, size_t len,
                                   const struct fr_request_limits *limits, uint32_t seed,
                                   size_t *frame_len)
{
    struct fr_request request = {0};
    enum fr_frame frame = FR_FRAME_MORE;
    size_t dropped = 0;
    for (size_t shown = 0; frame == FR_FRAME_MORE && shown < len;) {
        shown += next_piece(&seed);
        shown = shown < len ? shown : len;
        frame = show(&request, data + dropped, shown - dropped, limits);
        size_t scanned = request.scanned;
        fr_request_drop(&request, scanned);
        dropped += scanned;
    }
    *frame_len = dropped;
    return frame;
}

static void check_same(const struct fr_request *whole, const struct fr_request *pieces)
{
    char a[128], b[128];
    check(whole->is_inline == pieces->is_inline && whole->argc == pieces->argc);
    check(strcmp(fr_request_error(whole, a, sizeof(a)), fr_request_error(pieces, b, sizeof(b))) ==
          0);
}

static void check_words(const struct fr_request *request, const char *frame)
{
    struct fr_words words = fr_words_begin(frame, request->scanned);
    struct fr_word word;
    uint32_t count = 0;
    for (; fr_words_next(&words, &word); count++) {
        check(word.data >= frame && word.data + word.len + 2 <= frame + request->scanned);
        if (count < FR_REQUEST_WORDS) {
            check(word.data == frame + request->word_at[count]);
            check(word.len == request->word_len[count]);
        }
    }
    check(count == request->argc && count == request->args_done);
}

static enum fr_frame check_one(const char *data, size_t len, const struct fr_request_limits *limits,
                               uint32_t seed, size_t *frame_len)
{
    struct fr_request whole = {0};
    struct fr_request pieces = {0};
    size_t streamed_len = 0;
    enum fr_frame frame = len == 0 ? FR_FRAME_MORE : show(&whole, data, len, limits);
    check(show_pieces(&pieces, data, len, limits, seed) == frame);
    check(stream_pieces(data, len, limits, seed, &streamed_len) == frame);
    *frame_len = whole.scanned;
    if (frame == FR_FRAME_BROKEN) {
        check_same(&whole, &pieces);
    } else if (frame == FR_FRAME_DONE) {
        check_same(&whole, &pieces);
        check(whole.scanned == pieces.scanned && whole.scanned == streamed_len);
        if (!whole.is_inline) {
            check(memcmp(whole.word_at, pieces.word_at, sizeof(whole.word_at)) == 0);
            check_words(&whole, data);
        }
    }
    return frame;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* where a line is too long depends on how it comes, as in Redis: shorter ones only */
    if (size < 2 || size > 65536) {
        return 0;
    }
    struct fr_request_limits limits = {data[0] & 2 ? 3 : 1048576, data[0] & 4 ? 20 : 536870912,
                                       data[0] & 1};
    uint32_t seed = data[1];
    const char *text = (const char *)data + 2;
    size_t left = size - 2;
    size_t frame_len = 0;
    while (check_one(text, left, &limits, seed++, &frame_len) == FR_FRAME_DONE) {
        check(frame_len > 0);
        text += frame_len;
        left -= frame_len;
    }
    return 0;
}
