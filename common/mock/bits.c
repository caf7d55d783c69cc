/* Bits of strings: SETBIT, GETBIT, BITCOUNT, BITPOS, BITOP. Bit 0 is the highest of byte 0. */
#include <string.h>

#include "common/mock/bits.h"
#include "common/mock/commands.h"
#include "common/mock/number.h"
#include "common/mock/strings.h"

bool frm_arg_bit_offset(struct call *c, size_t i, unsigned width, uint64_t *offset)
{
    struct fr_word word = c->argv[i];
    int64_t number;
    bool is_counted = width > 0 && word.len > 0 && word.data[0] == '#';
    if (is_counted) {
        word = (struct fr_word){word.data + 1, word.len - 1};
    }
    bool is_number = frm_read_int(&word, &number);
    if (is_number && is_counted && __builtin_mul_overflow(number, (int64_t)width, &number)) {
        is_number = false;
    }
    if (!is_number || number < 0 || number >> 3 >= STRING_MAX) {
        frm_error(c->out, "ERR bit offset is not an integer or out of range");
        return false;
    }
    *offset = (uint64_t)number;
    return true;
}

static bool bit_at(const struct str *str, uint64_t offset)
{
    uint64_t byte = offset >> 3;
    return byte < str->len && (str->data[byte] >> (7 - (offset & 7)) & 1);
}

void frm_cmd_setbit(struct call *c)
{
    static const char bad_bit[] = "ERR bit is not an integer or out of range";
    uint64_t offset;
    int64_t bit;
    struct value *value;
    if (!frm_arg_bit_offset(c, 2, 0, &offset) || !frm_arg_range(c, 3, 0, 1, &bit, bad_bit) ||
        !frm_find_type(c, &c->argv[1], TYPE_STRING, &value)) {
        return;
    }
    uint64_t byte = offset >> 3;
    if ((!value || byte >= value->string->len) && !frm_string_may_be(c, value, (int64_t)byte + 1)) {
        return;
    }
    value = frm_string_grow(c, &c->argv[1], value, byte + 1);
    unsigned mask = 1U << (7 - (offset & 7));
    unsigned old = (unsigned char)value->string->data[byte];
    value->string->data[byte] = (char)(bit ? old | mask : old & ~mask);
    frm_touch(c->db, &c->argv[1]);
    frm_int(c->out, (old & mask) != 0);
}

void frm_cmd_getbit(struct call *c)
{
    uint64_t offset;
    struct value *value;
    if (frm_arg_bit_offset(c, 2, 0, &offset) &&
        frm_find_type(c, &c->argv[1], TYPE_STRING, &value)) {
        frm_int(c->out, value && bit_at(value->string, offset));
    }
}

/* ------------------------------------------------------------------------------- counting, finding
 */

/* A range of bits, first to last. */
struct range {
    int64_t first, last;
};

/* Read "BIT" or "BYTE". */
static bool read_unit(struct call *c, size_t i, bool *is_bits)
{
    *is_bits = frm_arg_is(c, i, "bit");
    if (!*is_bits && !frm_arg_is(c, i, "byte")) {
        frm_error_syntax(c->out);
        return false;
    }
    return true;
}

/* From what a client means (from the end when negative, in bytes or bits) to bits. */
static struct range range_of(int64_t first, int64_t last, bool is_bits, size_t len)
{
    int64_t total = (int64_t)len * (is_bits ? 8 : 1);
    first = first < 0 ? first + total : first;
    last = last < 0 ? last + total : last;
    first = first < 0 ? 0 : first;
    last = last < 0 ? 0 : last;
    last = last >= total ? total - 1 : last;
    if (first > last) {
        return (struct range){0, -1};
    }
    return is_bits ? (struct range){first, last} : (struct range){first * 8, last * 8 + 7};
}

static int64_t count_bits(const struct str *str, struct range range)
{
    int64_t sum = 0;
    int64_t at = range.first;
    while (at <= range.last) {
        if ((at & 7) == 0 && range.last - at >= 7) {
            sum += __builtin_popcount((unsigned char)str->data[at >> 3]);
            at += 8;
        } else {
            sum += bit_at(str, (uint64_t)at++);
        }
    }
    return sum;
}

void frm_cmd_bitcount(struct call *c)
{
    struct value *value;
    int64_t first = 0, last = -1;
    bool is_bits = false;
    if (!frm_find_type(c, &c->argv[1], TYPE_STRING, &value)) {
        return;
    }
    if (!value) {
        frm_int(c->out, 0);
        return;
    }
    if (c->argc == 3 || c->argc > 5) {
        frm_error_syntax(c->out);
        return;
    }
    if (c->argc > 2) {
        if (!frm_arg_int(c, 2, &first, NULL) || !frm_arg_int(c, 3, &last, NULL)) {
            return;
        }
        if (first < 0 && last < 0 && first > last) {
            frm_int(c->out, 0);
            return;
        }
        if (c->argc == 5 && !read_unit(c, 4, &is_bits)) {
            return;
        }
    }
    frm_int(c->out, count_bits(value->string, range_of(first, last, is_bits, value->string->len)));
}

static int64_t find_bit(const struct str *str, struct range range, bool bit)
{
    unsigned char skipped = bit ? 0 : 0xff;
    int64_t at = range.first;
    while (at <= range.last) {
        if ((at & 7) == 0 && (unsigned char)str->data[at >> 3] == skipped) {
            at += 8;
        } else if (bit_at(str, (uint64_t)at) == bit) {
            return at;
        } else {
            at++;
        }
    }
    return -1;
}

static void reply_position(struct call *c, const struct str *str, struct range range, bool bit,
                           bool has_end)
{
    int64_t at = range.first > range.last ? -1 : find_bit(str, range, bit);
    if (at == -1 && !bit && !has_end && range.first <= range.last) {
        at = range.last + 1; /* behind a string without an end stand zeros */
    }
    frm_int(c->out, at);
}

void frm_cmd_bitpos(struct call *c)
{
    struct value *value;
    int64_t bit, first = 0, last = -1;
    bool is_bits = false;
    if (!frm_arg_int(c, 2, &bit, NULL)) {
        return;
    }
    if (bit != 0 && bit != 1) {
        frm_error(c->out, "ERR The bit argument must be 1 or 0.");
        return;
    }
    if (!frm_find_type(c, &c->argv[1], TYPE_STRING, &value)) {
        return;
    }
    if (!value) {
        frm_int(c->out, bit ? -1 : 0);
        return;
    }
    if (c->argc > 6) {
        frm_error_syntax(c->out);
        return;
    }
    if ((c->argc > 3 && !frm_arg_int(c, 3, &first, NULL)) ||
        (c->argc == 6 && !read_unit(c, 5, &is_bits)) ||
        (c->argc > 4 && !frm_arg_int(c, 4, &last, NULL))) {
        return;
    }
    reply_position(c, value->string, range_of(first, last, is_bits, value->string->len), bit == 1,
                   c->argc > 4);
}

/* ----------------------------------------------------------------------------------------- BITOP
 */

static unsigned char op_and(unsigned char a, unsigned char b)
{
    return a & b;
}

static unsigned char op_or(unsigned char a, unsigned char b)
{
    return a | b;
}

static unsigned char op_xor(unsigned char a, unsigned char b)
{
    return a ^ b;
}

static const struct {
    const char *name;
    unsigned char (*join)(unsigned char a, unsigned char b); /* NULL: NOT */
} operations[] = {{"and", op_and}, {"or", op_or}, {"xor", op_xor}, {"not", NULL}};

enum {
    OPERATIONS = sizeof(operations) / sizeof(operations[0])
};

/* The length of the longest source, -1 when one is no string (answered). */
static int64_t longest(struct call *c)
{
    size_t len = 0;
    for (size_t i = 3; i < c->argc; i++) {
        struct value *value;
        if (!frm_find_type(c, &c->argv[i], TYPE_STRING, &value)) {
            return -1;
        }
        len = value && value->string->len > len ? value->string->len : len;
    }
    return (int64_t)len;
}

static unsigned char byte_of(const struct value *value, size_t at)
{
    return value && at < value->string->len ? (unsigned char)value->string->data[at] : 0;
}

static struct str *join_sources(struct call *c, unsigned operation, size_t len)
{
    struct str *result = frm_str(&c->mock->heap, "", 0);
    result = frm_str_resize(result, len);
    for (size_t i = 3; i < c->argc; i++) {
        const struct value *value = frm_find(c, &c->argv[i]);
        for (size_t at = 0; at < len; at++) {
            unsigned char byte = byte_of(value, at);
            if (!operations[operation].join) {
                byte = (unsigned char)~byte;
            } else if (i > 3) {
                byte = operations[operation].join((unsigned char)result->data[at], byte);
            }
            result->data[at] = (char)byte;
        }
    }
    return result;
}

void frm_cmd_bitop(struct call *c)
{
    unsigned operation = 0;
    while (operation < OPERATIONS && !frm_arg_is(c, 1, operations[operation].name)) {
        operation++;
    }
    if (operation == OPERATIONS) {
        frm_error_syntax(c->out);
        return;
    }
    if (!operations[operation].join && c->argc != 4) {
        frm_error(c->out, "ERR BITOP NOT must be called with a single source key.");
        return;
    }
    int64_t len = longest(c);
    if (len < 0) {
        return;
    }
    if (len == 0) {
        frm_delete(c->db, &c->argv[2]);
    } else {
        struct value *value = frm_value_new(&c->mock->heap, TYPE_STRING);
        value->string = join_sources(c, operation, (size_t)len);
        value->is_large = true;
        frm_replace(c->db, &c->argv[2], value);
    }
    frm_int(c->out, len);
}
