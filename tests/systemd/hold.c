/* Let one thread of a process stand still, as if it hung, until this program ends.
 *
 *     hold THREAD      its number; prints "held" when it stands
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    pid_t thread = argc > 1 ? atoi(argv[1]) : 0;
    if (thread == 0 || ptrace(PTRACE_SEIZE, thread, 0, 0) != 0 ||
        ptrace(PTRACE_INTERRUPT, thread, 0, 0) != 0 || waitpid(thread, NULL, __WALL) != thread) {
        perror("hold");
        return 1;
    }
    puts("held");
    fflush(stdout);
    while (waitpid(thread, NULL, __WALL) == thread) { /* until it is ended with its process */
    }
    return 0;
}
