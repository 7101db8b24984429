#include <stdlib.h>

#include "byte_stream.h"
#include "idx.h"

/* The first block of memory; it doubles while the file has more. */
#define FIRST_BLOCK ((int64_t)1 << 20)

static const char *type_name(uint8_t type) {
  switch (type) {
  case 0x08:
    return "unsigned byte";
  case 0x09:
    return "signed byte";
  case 0x0B:
    return "16-bit integer";
  case 0x0C:
    return "32-bit integer";
  case 0x0D:
    return "float";
  case 0x0E:
    return "double";
  default:
    return "no IDX type";
  }
}

/* Read exactly `size` bytes of the header. */
static bool read_header(mg_byte_stream *stream, uint8_t *out, int64_t size, const char *what) {
  int64_t got = mg_byte_stream_read(stream, out, size);
  if (got == size) return true;
  if (got >= 0) {
    mg_fail("%s: truncated: expected %lld bytes of %s, got %lld", mg_byte_stream_path(stream), (long long)size, what,
            (long long)got);
  }
  return false;
}

static bool check_magic(const char *path, const uint8_t *magic, int min_rank, int max_rank) {
  if (magic[0] != 0 || magic[1] != 0) {
    mg_fail("%s: not an IDX file: expected it to begin with bytes 00 00, got %02x %02x", path, magic[0], magic[1]);
    return false;
  }
  if (magic[2] != 0x08) {
    mg_fail("%s: expected elements of type 08 (unsigned byte), got %02x (%s)", path, magic[2], type_name(magic[2]));
    return false;
  }
  if (magic[3] < min_rank || magic[3] > max_rank) {
    if (min_rank == max_rank) {
      mg_fail("%s: expected %d dimension%s, got %d", path, min_rank, min_rank == 1 ? "" : "s", magic[3]);
    } else {
      mg_fail("%s: expected %d to %d dimensions, got %d", path, min_rank, max_rank, magic[3]);
    }
    return false;
  }
  return true;
}

static bool read_sizes(mg_byte_stream *stream, mg_idx *idx) {
  const char *path = mg_byte_stream_path(stream);
  uint8_t raw[4 * MG_IDX_MAX_RANK];
  if (!read_header(stream, raw, 4 * idx->rank, "dimensions")) return false;
  idx->count = 1;
  for (int i = 0; i < idx->rank; i++) {
    const uint8_t *b = raw + 4 * i;
    idx->size[i] = (int64_t)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];
    if (idx->size[i] == 0) {
      mg_fail("%s: expected dimensions of at least 1, got 0 as dimension %d", path, i + 1);
      return false;
    }
    if (__builtin_mul_overflow(idx->count, idx->size[i], &idx->count)) {
      mg_fail("%s: the header's dimensions multiply to more than 2^63 bytes", path);
      return false;
    }
  }
  return true;
}

static bool read_elements(mg_byte_stream *stream, mg_idx *idx) {
  const char *path = mg_byte_stream_path(stream);
  int64_t capacity = 0, got = 0;
  while (got < idx->count) {
    if (got == capacity) {
      capacity = capacity > idx->count / 2 ? idx->count : MG_MIN(MG_MAX(2 * capacity, FIRST_BLOCK), idx->count);
      uint8_t *larger = (uint64_t)capacity <= SIZE_MAX ? realloc(idx->bytes, (size_t)capacity) : NULL;
      if (!larger) {
        mg_fail_memory((size_t)capacity);
        return false;
      }
      idx->bytes = larger;
    }
    int64_t n = mg_byte_stream_read(stream, idx->bytes + got, capacity - got);
    if (n < 0) return false;
    if (n == 0) {
      mg_fail("%s: truncated: expected %lld bytes after the header, as its dimensions say, got %lld", path,
              (long long)idx->count, (long long)got);
      return false;
    }
    got += n;
  }
  uint8_t extra;
  int64_t n = mg_byte_stream_read(stream, &extra, 1);
  if (n > 0) {
    mg_fail("%s: too long: expected %lld bytes after the header, as its dimensions say, got more", path,
            (long long)idx->count);
  }
  return n == 0;
}

bool mg_idx_read(const char *path, int min_rank, int max_rank, mg_idx *idx) {
  uint8_t magic[4];
  *idx = (mg_idx){0};
  mg_byte_stream *stream = mg_byte_stream_open(path);
  if (!stream) return false;
  bool done = read_header(stream, magic, 4, "header") && check_magic(path, magic, min_rank, max_rank);
  if (done) {
    idx->rank = magic[3];
    done = read_sizes(stream, idx) && read_elements(stream, idx);
  }
  mg_byte_stream_close(stream);
  if (!done) {
    free(idx->bytes);
    idx->bytes = NULL;
  }
  return done;
}
