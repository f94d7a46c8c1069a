/*
 * The floor: what a hook costs at least, as a static C program without any
 * care. It reads the event from stdin, sends it to the daemon's socket (its
 * first argument) in the bare protocol, reads the one-line answer and prints
 * what Claude Code expects. `go run ./bench` builds and runs it.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char event[1 << 20], answer[1 << 16];

/* send_all writes everything; 0 is success. */
static int send_all(int fd, const char *data, size_t left) {
	while (left > 0) {
		ssize_t n = write(fd, data, left);
		if (n <= 0)
			return -1;
		data += n;
		left -= n;
	}
	return 0;
}

/* receive reads to the end, or to a newline; it returns the length. */
static size_t receive(int fd, char *into, size_t room, int line) {
	size_t got = 0;
	while (got < room) {
		ssize_t n = read(fd, into + got, room - got);
		if (n <= 0)
			break;
		got += n;
		if (line && into[got - 1] == '\n')
			break;
	}
	return got;
}

int main(int argc, char **argv) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	static const char allow[] = "{\"hookSpecificOutput\":{\"hookEventName\":\"PermissionRequest\",\"decision\":{\"behavior\":\"allow\"}}}\n";
	static const char deny[] = "{\"hookSpecificOutput\":{\"hookEventName\":\"PermissionRequest\",\"decision\":{\"behavior\":\"deny\"}}}\n";
	size_t length = receive(0, event, sizeof event - 1, 0);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (argc < 2 || strlen(argv[1]) >= sizeof address.sun_path)
		return 0;
	strcpy(address.sun_path, argv[1]);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
		fputs("handed back: cannot connect\n", stderr);
		return 0;
	}
	if (length == 0 || event[length - 1] != '\n')
		event[length++] = '\n';
	if (send_all(fd, event, length) < 0)
		return 0;
	length = receive(fd, answer, sizeof answer - 1, 1);
	answer[length] = 0;
	if (strstr(answer, "\"action\":\"approve\""))
		return send_all(1, allow, sizeof allow - 1) < 0;
	if (strstr(answer, "\"action\":\"deny\""))
		return send_all(1, deny, sizeof deny - 1) < 0;
	return 0;
}
