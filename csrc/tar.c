#include <stdlib.h>
#include <string.h>

#include "byte_stream.h"
#include "tar.h"

#define BLOCK 512

struct mg_tar {
  mg_byte_stream *stream;
  int64_t left;    /* of the present member's bytes */
  int64_t padding; /* behind them, up to a whole block */
};

/* Where a header's fields are, and how long. */
enum { NAME = 0, SIZE = 124, CHECKSUM = 148, TYPE = 156, MAGIC = 257, PREFIX = 345 };
enum { NAME_LENGTH = 100, NUMBER_LENGTH = 12, CHECKSUM_LENGTH = 8, PREFIX_LENGTH = 155 };

mg_tar *mg_tar_open(const char *path) {
  mg_tar *tar = calloc(1, sizeof *tar);
  if (!tar) return mg_fail_memory(sizeof *tar);
  tar->stream = mg_byte_stream_open(path);
  if (tar->stream) return tar;
  free(tar);
  return NULL;
}

void mg_tar_close(mg_tar *tar) {
  if (!tar) return;
  mg_byte_stream_close(tar->stream);
  free(tar);
}

static bool broken(const mg_tar *tar, const char *what) {
  mg_fail("%s: expected a tar archive: %s", mg_byte_stream_path(tar->stream), what);
  return false;
}

/* Octal digits between spaces and NULs, as every archiver writes sizes below 8 GiB. */
static bool read_octal(const uint8_t *field, int length, int64_t *value) {
  int i = 0, digits = 0;
  *value = 0;
  while (i < length && field[i] == ' ') i++;
  for (; i < length && field[i] >= '0' && field[i] <= '7'; i++, digits++) *value = *value * 8 + (field[i] - '0');
  while (i < length && (field[i] == ' ' || field[i] == '\0')) i++;
  return i == length && digits > 0;
}

/* The sum of all bytes, those of the check sum itself counted as spaces. */
static bool checksum_fits(const uint8_t *header) {
  int64_t written, sum = 0;
  for (int i = 0; i < BLOCK; i++) sum += i >= CHECKSUM && i < CHECKSUM + CHECKSUM_LENGTH ? ' ' : header[i];
  return read_octal(header + CHECKSUM, CHECKSUM_LENGTH, &written) && written == sum;
}

static bool all_zero(const uint8_t *block, int64_t size) {
  for (int64_t i = 0; i < size; i++) {
    if (block[i] != 0) return false;
  }
  return true;
}

static bool parse_header(mg_tar *tar, const uint8_t *header, mg_tar_member *member) {
  if (!checksum_fits(header)) return broken(tar, "the check sum of a header does not fit");
  if (memcmp(header + MAGIC, "ustar", 5) != 0) return broken(tar, "a header is not of the ustar format");
  if (!read_octal(header + SIZE, NUMBER_LENGTH, &member->size)) return broken(tar, "a size is not octal");
  const bool posix = header[MAGIC + 5] == '\0'; /* GNU tar has other things where the prefix would be */
  const int prefix = posix ? (int)strnlen((const char *)header + PREFIX, PREFIX_LENGTH) : 0;
  snprintf(member->name, sizeof member->name, "%.*s%s%.*s", prefix, (const char *)header + PREFIX, prefix ? "/" : "",
           NAME_LENGTH, (const char *)header + NAME);
  member->regular = header[TYPE] == '0' || header[TYPE] == '\0';
  tar->left = member->size;
  tar->padding = -member->size & (BLOCK - 1);
  return true;
}

bool mg_tar_read(mg_tar *tar, void *out, int64_t size) {
  const int64_t got = mg_byte_stream_read(tar->stream, out, size);
  if (got < 0) return false;
  if (got < size) return broken(tar, "it ends early");
  tar->left -= size;
  return true;
}

/* Past what is left of the present member. */
static bool skip_rest(mg_tar *tar) {
  uint8_t block[16 * BLOCK];
  tar->left += tar->padding;
  tar->padding = 0;
  while (tar->left > 0) {
    if (!mg_tar_read(tar, block, MG_MIN(tar->left, (int64_t)sizeof block))) return false;
  }
  return true;
}

/* After the first block of zeros: another, and nothing but zeros to the file's end.  Reading that
 * far also makes sure of the check sum that ends gzip. */
static int finish(mg_tar *tar) {
  uint8_t block[16 * BLOCK];
  int64_t zeros = 0, got;
  while ((got = mg_byte_stream_read(tar->stream, block, sizeof block)) > 0) {
    if (!all_zero(block, got)) return broken(tar, "there is something behind its end"), -1;
    zeros += got;
  }
  if (got < 0) return -1;
  if (zeros < BLOCK) return broken(tar, "it ends early"), -1;
  return 0;
}

int mg_tar_next(mg_tar *tar, mg_tar_member *member) {
  uint8_t header[BLOCK];
  if (!skip_rest(tar) || !mg_tar_read(tar, header, BLOCK)) return -1;
  tar->left = 0;
  if (all_zero(header, BLOCK)) return finish(tar);
  return parse_header(tar, header, member) ? 1 : -1;
}
