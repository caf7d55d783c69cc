/* flaskredisctl: looks into a running flaskredisd and steers it, over the daemon's admin socket. */
#include "client/ctl/ctl.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "include/flaskredis/version.h"

#define RUNTIME_DIR "/run/flaskredis"

static const struct {
    const char *name;
    int least, most;
    ctl_handler *run;
    const char *usage, *help;
} commands[] = {
#define CTL_COMMAND(name, least, most, handler, usage, help)                                       \
    {name, least, most, handler, usage, help},
#include "client/ctl/ctl.def"
#undef CTL_COMMAND
};

#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

static void print_usage(FILE *to)
{
    fputs("usage: flaskredisctl [--socket PATH] [--json] [--no-color] COMMAND [WORD...]\n"
          "\n"
          "Look into a running flaskredisd and steer it.\n"
          "\n",
          to);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        char call[64];
        snprintf(call, sizeof call, "%s%s%s", commands[i].name, commands[i].usage[0] ? " " : "",
                 commands[i].usage);
        fprintf(to, "  %-38s %s\n", call, commands[i].help);
    }
    fputs(
        "\n"
        "  -s, --socket PATH  the admin socket (default: admin.sock in FLASKREDIS_RUNTIME_DIR of\n"
        "                     the environment, or in " RUNTIME_DIR ")\n"
        "  -j, --json         print for programs\n"
        "      --no-color     print without colors, also on a terminal\n"
        "  -h, --help, -V, --version\n"
        "\n"
        "Exit codes: 0 done; 1 done, and the outcome is bad; 2 wrong usage; 3 the daemon does not\n"
        "answer; 4 not allowed; 5 the daemon refused.\n",
        to);
}

static const char *default_socket(void)
{
    static char path[256];
    const char *directory = getenv("FLASKREDIS_RUNTIME_DIR");
    snprintf(path, sizeof path, "%s/admin.sock",
             directory == NULL || directory[0] == '\0' ? RUNTIME_DIR : directory);
    return path;
}

static void read_options(int argc, char **argv, struct ctl *ctl)
{
    enum {
        OPTION_NO_COLOR = 256
    };
    static const struct option options[] = {{"socket", required_argument, NULL, 's'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"no-color", no_argument, NULL, OPTION_NO_COLOR},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'V'},
                                            {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "s:jhV", options, NULL)) != -1) {
        switch (option) {
        case 's':
            ctl->socket = optarg;
            break;
        case 'j':
            ctl->is_json = true;
            break;
        case OPTION_NO_COLOR:
            ctl->is_colored = false;
            break;
        case 'h':
            print_usage(stdout);
            exit(CTL_OK);
        case 'V':
            puts("flaskredisctl " FLASKREDIS_VERSION);
            exit(CTL_OK);
        default:
            print_usage(stderr);
            exit(CTL_USAGE);
        }
    }
}

static int run(struct ctl *ctl, const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) != 0) {
            continue;
        }
        if (ctl->count < commands[i].least || ctl->count > commands[i].most) {
            fprintf(stderr, "usage: flaskredisctl %s %s\n", name, commands[i].usage);
            return CTL_USAGE;
        }
        int outcome = commands[i].run(ctl);
        return fflush(stdout) == 0 || outcome != CTL_OK ? outcome : CTL_NOT_WELL;
    }
    fprintf(stderr, "flaskredisctl: no command %s (--help lists them)\n", name);
    return CTL_USAGE;
}

int main(int argc, char **argv)
{
    const char *terminal = getenv("TERM");
    struct ctl ctl = {.socket = default_socket(),
                      .is_colored = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL &&
                                    terminal != NULL && strcmp(terminal, "dumb") != 0};
    read_options(argc, argv, &ctl);
    if (optind >= argc) {
        print_usage(stderr);
        return CTL_USAGE;
    }
    ctl.name = argv[optind];
    ctl.count = argc - optind - 1;
    ctl.words = argv + optind + 1;
    int outcome = run(&ctl, ctl.name);
    if (ctl.context != NULL) {
        redisFree(ctl.context);
    }
    return outcome;
}
