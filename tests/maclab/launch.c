/* Starts a simulated command in a few milliseconds: has it done by the server of the Mac
 * (commands/server.py), which has Python and the commands loaded already, with this process's
 * streams, directory, environment and user. What the server does not take, and all commands where
 * it does not answer, are done by a Python of their own in place of this process.
 *
 *   launch NAME EXECUTABLE ARGUMENT...    as the interpreter of EXECUTABLE: #!/maclab/launch NAME
 *   run NAME ARGUMENT...                  by name
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { COLD = 0, EXITED = 1, KILLED = 2 }; /* as commands/server.py says it */
enum { STREAMS = 3, DIRECTORY = 3, DESCRIPTORS = 4 };

static const int FORWARDED[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
static int server = -1;

static void forward(int number)
{
    int before = errno;
    unsigned char told = (unsigned char)number;
    (void)!write(server, &told, 1);
    errno = before;
}

static int connected(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/maclab/server"};
    int found = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (found >= 0 && connect(found, (struct sockaddr *)&address, sizeof address) == 0)
        return found;
    if (found >= 0)
        close(found);
    return -1;
}

/* The words one after the other, each with its NUL; the count of words goes before them. */
static char *packed(char *text, size_t *size, char **words)
{
    uint32_t count = 0;
    size_t at = *size + sizeof count, more = at;
    for (char **word = words; *word; word++)
        more += strlen(*word) + 1;
    if (!(text = realloc(text, more)))
        abort();
    for (; words[count]; count++)
        at = (size_t)(stpcpy(text + at, words[count]) + 1 - text);
    memcpy(text + *size, &count, sizeof count);
    *size = at;
    return text;
}

static int sent(const char *text, size_t size)
{
    while (size) {
        ssize_t taken = write(server, text, size);
        if (taken < 0 && errno != EINTR)
            return 0;
        if (taken > 0)
            text += taken, size -= (size_t)taken;
    }
    return 1;
}

/* The request: its size and this process's umask with the descriptors, then its words. */
static int asked(char **words, char **environment)
{
    int descriptors[DESCRIPTORS] = {0, 1, 2};
    for (int stream = 0; stream < STREAMS; stream++)
        if (fcntl(stream, F_GETFD) < 0)
            return 0; /* a stream that is closed cannot be handed over */
    if ((descriptors[DIRECTORY] = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
        return 0;
    size_t size = 0;
    char *text = packed(packed(NULL, &size, words), &size, environment);
    uint32_t head[2] = {(uint32_t)size, (uint32_t)umask(0)};
    umask((mode_t)head[1]);
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof descriptors)];
    } control = {.room = {0}};
    struct iovec part = {.iov_base = head, .iov_len = sizeof head};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1,
        .msg_control = control.room, .msg_controllen = sizeof control.room,
    };
    struct cmsghdr *ancillary = CMSG_FIRSTHDR(&message);
    ancillary->cmsg_level = SOL_SOCKET;
    ancillary->cmsg_type = SCM_RIGHTS;
    ancillary->cmsg_len = CMSG_LEN(sizeof descriptors);
    memcpy(CMSG_DATA(ancillary), descriptors, sizeof descriptors);
    int whole = sendmsg(server, &message, 0) == (ssize_t)sizeof head && sent(text, size);
    close(descriptors[DIRECTORY]);
    free(text);
    return whole;
}

/* Ends as the command has ended; comes back where the server has not begun it. */
static void done_by_server(char **words, char **environment)
{
    if ((server = connected()) < 0)
        return;
    for (size_t each = 0; each < sizeof FORWARDED / sizeof *FORWARDED; each++) {
        struct sigaction now, pass = {.sa_handler = forward, .sa_flags = SA_RESTART};
        if (sigaction(FORWARDED[each], NULL, &now) == 0 && now.sa_handler == SIG_DFL)
            sigaction(FORWARDED[each], &pass, NULL);
    }
    unsigned char end[2] = {COLD, 0};
    if (asked(words, environment) && recv(server, end, sizeof end, MSG_WAITALL) != sizeof end)
        _exit(125); /* the server is gone, and with it the machine */
    if (end[0] == EXITED)
        _exit(end[1]);
    for (size_t each = 0; each < sizeof FORWARDED / sizeof *FORWARDED; each++) {
        struct sigaction now, usual = {.sa_handler = SIG_DFL};
        if (sigaction(FORWARDED[each], NULL, &now) == 0 && now.sa_handler == forward)
            sigaction(FORWARDED[each], &usual, NULL);
    }
    if (end[0] == KILLED) {
        signal(end[1], SIG_DFL);
        raise(end[1]);
        _exit(128 + end[1]);
    }
    close(server);
}

int main(int count, char **words, char **environment)
{
    const char *name = strrchr(words[0], '/');
    int interpreter = strcmp(name ? name + 1 : words[0], "launch") == 0;
    int first = interpreter ? 2 : 1;
    if (count <= first)
        return 125;
    if (interpreter) {
        setenv("MACLAB_EXECUTABLE", words[2], 1);
        environment = environ;
        words[2] = words[1];
    }
    words += first;
    done_by_server(words, environment);
    char **cold = calloc((size_t)count + 4, sizeof *cold);
    if (!cold)
        abort();
    cold[0] = "/maclab/python", cold[1] = "-IS", cold[2] = "/maclab/cold";
    for (int each = 0; words[each]; each++)
        cold[3 + each] = words[each];
    execve(cold[0], cold, environment);
    return 126;
}
