/* Any line as an inline request: the words that Redis would find in it, in the room that is
 * promised to do, as a frame that reads again. */
#include "common/resp.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/inline_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool true_always)
{
    if (!true_always) {
        abort();
    }
}

static void check_frame(const char *frame, size_t len, const struct inline_model *model)
{
    const struct fr_request_limits limits = {INT32_MAX, INT32_MAX, false};
    struct fr_request request = {0};
    check(fr_request_scan(&request, frame, len, &limits) == FR_FRAME_DONE);
    check(request.scanned == len && request.argc == model->count);
    check(len >= model->len && memcmp(frame + len - model->len, model->words, model->len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct inline_model model;
    if (size > 500) { /* the model's words have a fixed room */
        return 0;
    }
    char *line = malloc(size + (size == 0));
    char *frame = malloc(FR_INLINE_CAP(size));
    check(line != NULL && frame != NULL);
    if (size > 0) {
        memcpy(line, data, size);
    }
    long len = fr_inline_to_array(line, size, frame);
    bool is_sound = model_split(line, size, &model);
    check(is_sound ? len >= 0 : len == -1);
    check((len == 0) == (is_sound && model.count == 0));
    if (len > 0) {
        check_frame(frame, (size_t)len, &model);
    }
    free(frame);
    free(line);
    return 0;
}
