#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "byte_stream.h"
#include "file.h"

struct mg_byte_stream {
  int descriptor;
  bool gzip;
  bool failed; /* to read the file, with the error set */
  bool ended;  /* the last member of the gzip file is complete */
  z_stream z;  /* its next_in, avail_in are the bytes buffered, for plain files as well */
  char *path;
  Bytef buffer[65536];
};

/* Have bytes buffered: false at the end of the file, and on an error, which is then set. */
static bool fill(mg_byte_stream *s) {
  if (s->z.avail_in > 0) return true;
  ssize_t n;
  do {
    n = read(s->descriptor, s->buffer, sizeof s->buffer);
  } while (n < 0 && errno == EINTR);
  if (n < 0) {
    mg_fail("%s: cannot read: %s", s->path, strerror(errno));
    s->failed = true;
  }
  if (n <= 0) return false;
  s->z.next_in = s->buffer;
  s->z.avail_in = (uInt)n;
  return true;
}

static bool start(mg_byte_stream *s) {
  s->descriptor = mg_file_open(s->path);
  if (s->descriptor < 0) return false;
  if (!fill(s)) return !s->failed; /* empty: the format's reader will say so */
  if (s->z.avail_in < 2 || s->buffer[0] != 0x1f || s->buffer[1] != 0x8b) return true;
  if (inflateInit2(&s->z, 15 + 16) != Z_OK) { /* the largest window, and gzip's header */
    mg_fail_memory(1 << 16);
    return false;
  }
  s->gzip = true;
  return true;
}

mg_byte_stream *mg_byte_stream_open(const char *path) {
  mg_byte_stream *s = calloc(1, sizeof *s);
  char *copy = strdup(path);
  if (!s || !copy) {
    free(s);
    free(copy);
    return mg_fail_memory(sizeof *s);
  }
  s->path = copy;
  s->descriptor = -1;
  if (start(s)) return s;
  mg_byte_stream_close(s);
  return NULL;
}

void mg_byte_stream_close(mg_byte_stream *s) {
  if (!s) return;
  if (s->gzip) inflateEnd(&s->z);
  if (s->descriptor >= 0) close(s->descriptor);
  free(s->path);
  free(s);
}

static int64_t read_plain(mg_byte_stream *s, uint8_t *out, int64_t size) {
  int64_t got = 0;
  while (got < size && fill(s)) {
    uInt n = (uInt)MG_MIN((int64_t)s->z.avail_in, size - got);
    memcpy(out + got, s->z.next_in, n);
    s->z.next_in += n;
    s->z.avail_in -= n;
    got += n;
  }
  return got;
}

/* A member is complete: another may follow (gzip files can be joined), nothing else. */
static bool next_member(mg_byte_stream *s) {
  if (!fill(s)) {
    s->ended = !s->failed;
  } else if (s->z.next_in[0] != 0x1f) {
    mg_fail("%s: expected the end of the file after the gzip data, got more bytes", s->path);
    return false;
  } else {
    inflateReset(&s->z);
  }
  return true;
}

static int64_t read_gzip(mg_byte_stream *s, uint8_t *out, int64_t size) {
  int64_t got = 0;
  while (got < size && !s->ended) {
    if (!fill(s)) {
      mg_fail("%s: truncated: the gzip data end early", s->path);
      return -1;
    }
    uInt room = (uInt)MG_MIN(size - got, (int64_t)INT_MAX);
    s->z.next_out = out + got;
    s->z.avail_out = room;
    int result = inflate(&s->z, Z_NO_FLUSH);
    got += room - s->z.avail_out;
    if (result == Z_STREAM_END) {
      if (!next_member(s)) return -1;
    } else if (result == Z_MEM_ERROR) {
      mg_fail_memory(1 << 16);
      return -1;
    } else if (result != Z_OK) {
      mg_fail("%s: corrupt gzip data (%s)", s->path, s->z.msg ? s->z.msg : zError(result));
      return -1;
    }
  }
  return got;
}

int64_t mg_byte_stream_read(mg_byte_stream *s, void *out, int64_t size) {
  int64_t got = s->gzip ? read_gzip(s, out, size) : read_plain(s, out, size);
  return s->failed ? -1 : got;
}

const char *mg_byte_stream_path(const mg_byte_stream *s) { return s->path; }
