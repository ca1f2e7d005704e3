/* sh.exe: lets a Windows program run a shell script of the host under wine, for `make check-windows`.
 *
 * Wine starts programs of the host, but cannot hand them pipes. So standard input is put into a file first, the host's shell
 * writes its output and its complaints to two others, and what they gain is passed on until the shell says that it is done.
 *
 * With --log it is no shell, but a log program: what it reads goes to the end of a file as it comes.
 *
 *     x86_64-w64-mingw32-gcc -O -o sh.exe sh.c
 *     sh.exe SCRIPT ARGUMENT... | sh.exe --log FILE
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#define ROOM 32768

static char folder[MAX_PATH];

static void name_of(char *path, const char *file)
{
    snprintf(path, MAX_PATH, "Z:%s/%s", folder, file);
}

static HANDLE open_file(const char *file, DWORD access, DWORD how)
{
    char path[MAX_PATH];
    name_of(path, file);
    return CreateFileA(path, access, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, how, 0, NULL);
}

/* Copies what there is; 0 when somebody reads no more. */
static int copy(HANDLE from, HANDLE to)
{
    static char buffer[ROOM];
    DWORD count, wrote;
    while (ReadFile(from, buffer, sizeof buffer, &count, NULL) && count > 0) {
        char *at = buffer;
        for (; count > 0; count -= wrote, at += wrote)
            if (!WriteFile(to, at, count, &wrote, NULL)) return 0;
    }
    return 1;
}

/* Adds an argument to the command line, in quotes that both sides understand. */
static void add(char *line, const char *word)
{
    char *end = line + strlen(line);
    if (end > line) *end++ = ' ';
    *end++ = '"';
    for (; *word && end < line + ROOM - 8; word++) {
        if (*word == '"' || *word == '\\') *end++ = '\\';
        *end++ = *word;
    }
    strcpy(end, "\"");
}

static int start(int count, char **words)
{
    static char line[ROOM];
    char script[5 * MAX_PATH];
    STARTUPINFOA info = { sizeof info };
    PROCESS_INFORMATION made;
    snprintf(script, sizeof script, "exec <%s/in >%s/out 2>%s/err; \"$@\"; echo $? >%s/done", folder, folder, folder, folder);
    add(line, "/bin/sh");
    add(line, "-c");
    add(line, script);
    add(line, "sh");
    add(line, "/bin/sh");
    for (int at = 1; at < count; at++) add(line, words[at]);
    return CreateProcessA("Z:\\bin\\sh", line, NULL, NULL, FALSE, 0, NULL, NULL, &info, &made);
}

static void clean_up(void)
{
    static const char *files[] = { "in", "out", "err", "done" };
    char path[MAX_PATH];
    for (int at = 0; at < 4; at++) {
        name_of(path, files[at]);
        DeleteFileA(path);
    }
    name_of(path, "");
    RemoveDirectoryA(path);
}

static int log_to(const char *path)
{
    DWORD share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    HANDLE file = CreateFileA(path, FILE_APPEND_DATA, share, NULL, OPEN_ALWAYS, 0, NULL);
    return file == INVALID_HANDLE_VALUE || !copy(GetStdHandle(STD_INPUT_HANDLE), file);
}

int main(int count, char **words)
{
    char path[MAX_PATH];
    HANDLE in, out, err, done = INVALID_HANDLE_VALUE;
    int goes_on = 1;
    if (count == 3 && strcmp(words[1], "--log") == 0) return log_to(words[2]);
    snprintf(folder, sizeof folder, "/tmp/httpd-sh-%lu-%lu", GetCurrentProcessId(), GetTickCount());
    name_of(path, "");
    CreateDirectoryA(path, NULL);
    in = open_file("in", GENERIC_WRITE, CREATE_ALWAYS);
    copy(GetStdHandle(STD_INPUT_HANDLE), in);
    CloseHandle(in);
    out = open_file("out", GENERIC_READ | GENERIC_WRITE, CREATE_ALWAYS);
    err = open_file("err", GENERIC_READ | GENERIC_WRITE, CREATE_ALWAYS);
    if (!start(count, words)) {
        fprintf(stderr, "sh.exe: no shell: %lu\n", GetLastError());
        return 1;
    }
    while (goes_on && done == INVALID_HANDLE_VALUE) {
        Sleep(5);
        done = open_file("done", GENERIC_READ, OPEN_EXISTING);
        copy(err, GetStdHandle(STD_ERROR_HANDLE));
        goes_on = copy(out, GetStdHandle(STD_OUTPUT_HANDLE));
    }
    CloseHandle(done);
    CloseHandle(out);
    CloseHandle(err);
    clean_up();
    return 0;
}
