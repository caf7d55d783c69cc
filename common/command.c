/* The command table and the lookup in it.
 *
 * A lookup is one perfect hash and one comparison. The generator has placed every word, alone or
 * under its container, so that no two meet:
 *
 *     (container, word) -> hash -> bucket -> displacement --+
 *                            \------> base ----------------(+)-> slot -> row of fr_commands
 *
 * What the row means is left to the caller. Bytes above ASCII and the process' locale have no part
 * in it: Redis' names are ASCII, and only A-Z have a second case. */
#include "common/command.h"

#include <string.h>

/* A word of the table: the last of its row's name. Slots without a word have length 0. */
struct slot {
    uint64_t sample; /* of the word */
    uint16_t id;
    uint16_t container; /* the row it is a subcommand of, FR_CMD_COUNT when of none */
    uint8_t word_at;    /* where it starts in the name */
    uint8_t word_len;
};

#include "common/command_table.inc"

_Static_assert(FR_CMD_COUNT < UINT16_MAX, "identifiers do not fit their fields");

#define HASH_FOLD UINT64_C(0x2020202020202020)

static uint64_t load4(const unsigned char *bytes)
{
    return (uint64_t)bytes[0] | (uint64_t)bytes[1] << 8 | (uint64_t)bytes[2] << 16 |
           (uint64_t)bytes[3] << 24;
}

/* The bytes that tell the table's words apart (with their length), so that a long name costs no
 * more than a short one; all of a word of eight bytes at most. Bytewise order: the generated
 * numbers are the same on every machine. */
static uint64_t sample(const char *text, size_t len)
{
    const unsigned char *word = (const unsigned char *)text;
    if (len >= 4) {
        return load4(word) | load4(word + len - 4) << 32;
    }
    return (uint64_t)word[0] | (uint64_t)word[len / 2] << 8 | (uint64_t)word[len - 1] << 16;
}

/* The fold joins more than the two cases of a letter; the comparison afterwards is exact. */
static uint64_t hash_word(unsigned container, uint64_t sampled, size_t len)
{
    uint64_t place = (uint64_t)container << 8 | len;
    return ((sampled | HASH_FOLD) + place * HASH_SALT) * HASH_MULTIPLIER;
}

static const struct slot *slot_of(uint64_t hash)
{
    uint64_t base = hash >> (64 - BUCKET_BITS - SLOT_BITS);
    uint64_t displacement = displacements[hash >> (64 - BUCKET_BITS)];
    return &slots[(base + displacement) & ((1u << SLOT_BITS) - 1)];
}

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Eight bytes with the capitals among them as small letters. In a sum without its top bit no byte
 * carries into the next; its top bit then says whether the byte was at least what was added for. */
static uint64_t lower8(uint64_t bytes)
{
    uint64_t low = bytes & EACH_BYTE(0x7f);
    uint64_t from_a = low + EACH_BYTE(0x80 - 'A');
    uint64_t beyond_z = low + EACH_BYTE(0x80 - ('Z' + 1));
    uint64_t is_capital = from_a & ~beyond_z & ~bytes & EACH_BYTE(0x80);
    return bytes | is_capital >> 2;
}

/* Whether the middle of a word, which the sample leaves out, is that of this name. */
static bool same_middle(const char *word, const char *lower, size_t len)
{
    for (size_t i = 4; i + 4 < len; i++) {
        if (lower8((unsigned char)word[i]) != (unsigned char)lower[i]) {
            return false;
        }
    }
    return true;
}

static const struct fr_command *find_word(unsigned container, const char *word, size_t len)
{
    if (len == 0) {
        return NULL;
    }
    uint64_t sampled = sample(word, len);
    const struct slot *slot = slot_of(hash_word(container, sampled, len));
    const struct fr_command *command = &fr_commands[slot->id];
    bool is_same = slot->word_len == len && slot->container == container &&
                   slot->sample == lower8(sampled) &&
                   (len <= sizeof sampled || same_middle(word, command->name + slot->word_at, len));
    return is_same ? command : NULL;
}

const struct fr_command *fr_command_find(const char *name, size_t name_len, const char *sub,
                                         size_t sub_len)
{
    const struct fr_command *command = find_word(FR_CMD_COUNT, name, name_len);
    if (!command || !sub || !(command->flags & FR_FLAG_CONTAINER)) {
        return command;
    }
    const struct fr_command *inner = find_word(command->id, sub, sub_len);
    return inner ? inner : command;
}

const struct fr_command *fr_command_named(const char *full_name)
{
    size_t name_len = strcspn(full_name, "|");
    const char *sub = full_name[name_len] ? full_name + name_len + 1 : NULL;
    const struct fr_command *command =
        fr_command_find(full_name, name_len, sub, sub ? strlen(sub) : 0);
    /* The search is kinder than a name in a configuration may be: it takes any case, and a
     * container for a subcommand it lacks. */
    return command && strcmp(command->name, full_name) == 0 ? command : NULL;
}
