/* The size of a directory below the root of all storage; see storage.h. */
#include "cleanup/storage/storage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct walk {
	int64_t bytes, files;
};

/* A directory beneath another, without following links. */
static int directory_open(int at, const char *path)
{
	struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };

	return (int)syscall(SYS_openat2, at, path, &how, sizeof(how));
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int walk_directory(struct walk *w, int fd, int depth, struct err *err);

/* A file that is removed meanwhile has no size. */
static int walk_entry(struct walk *w, int dir_fd, const char *name, int depth, struct err *err)
{
	struct stat st;
	int fd;

	if (++w->files > STORAGE_FILES_MAX || depth >= STORAGE_DEPTH_MAX)
		return err_set(err, ERR_INPUT, "storage", "more files, or deeper, than a session has");
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (S_ISREG(st.st_mode))
		w->bytes += st.st_size;
	if (!S_ISDIR(st.st_mode))
		return 0;
	fd = directory_open(dir_fd, name);
	return fd < 0 ? 0 : walk_directory(w, fd, depth + 1, err);
}

/* Takes fd. */
static int walk_directory(struct walk *w, int fd, int depth, struct err *err)
{
	DIR *dir = fdopendir(fd);
	struct dirent *entry;
	int rc = 0;

	if (!dir) {
		close(fd);
		return err_set(err, ERR_RETRY, "storage", "fdopendir: %s", strerror(errno));
	}
	while (rc == 0 && (entry = readdir(dir)))
		if (!is_dots(entry->d_name))
			rc = walk_entry(w, fd, entry->d_name, depth, err);
	closedir(dir);
	return rc;
}

int storage_measure(int root_fd, const char *path, struct storage_found *out, struct err *err)
{
	struct walk w = { 0 };
	int fd = directory_open(root_fd, path);

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		*out = (struct storage_found){ .exists = false };
		return 0;
	}
	if (fd < 0)
		return err_set(err, ERR_INPUT, "storage", "the session's directory cannot be read: %s",
			strerror(errno));
	if (walk_directory(&w, fd, 0, err) < 0)
		return -1;
	*out = (struct storage_found){ .exists = true, .bytes = w.bytes };
	return 0;
}
