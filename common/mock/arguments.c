/* Arguments of commands. */
#include <math.h>

#include "common/mock/engine.h"
#include "common/mock/number.h"

bool frm_arg_is(const struct call *c, size_t i, const char *text)
{
    return i < c->argc && frm_word_is(&c->argv[i], text);
}

bool frm_arg_int(struct call *c, size_t i, int64_t *value, const char *error)
{
    if (frm_read_int(&c->argv[i], value)) {
        return true;
    }
    frm_error(c->out, "%s", error ? error : "ERR value is not an integer or out of range");
    return false;
}

bool frm_arg_range(struct call *c, size_t i, int64_t least, int64_t most, int64_t *value,
                   const char *error)
{
    if (!error && least == 0 && most == INT64_MAX) {
        error = "ERR value is out of range, must be positive";
    }
    if (!frm_arg_int(c, i, value, error)) {
        return false;
    }
    if (*value >= least && *value <= most) {
        return true;
    }
    if (error) {
        frm_error(c->out, "%s", error);
    } else {
        frm_error(c->out, "ERR value is out of range, value must between %lld and %lld",
                  (long long)least, (long long)most);
    }
    return false;
}

bool frm_arg_double(struct call *c, size_t i, double *value, const char *error)
{
    if (frm_read_double(&c->argv[i], value)) {
        return true;
    }
    frm_error(c->out, "%s", error ? error : "ERR value is not a valid float");
    return false;
}
