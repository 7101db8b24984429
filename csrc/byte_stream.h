/* byte_stream.h: the bytes of a file from first to last, decompressed on the way where it is gzip
 * (which its first two bytes tell, not its name). */
#ifndef MG_BYTE_STREAM_H
#define MG_BYTE_STREAM_H

#include "base.h"

typedef struct mg_byte_stream mg_byte_stream;

/* NULL with an error that names the file where it cannot be opened or is no regular file. */
mg_byte_stream *mg_byte_stream_open(const char *path);
void mg_byte_stream_close(mg_byte_stream *stream); /* NULL-safe */

/* Read `size` bytes into out: how many came, fewer only at the end.  -1 with an error set for an
 * unreadable file, and for gzip that is corrupt, cut short or followed by something else; what
 * the check sum at its end covers is trusted only after a read that came short. */
int64_t mg_byte_stream_read(mg_byte_stream *stream, void *out, int64_t size);

const char *mg_byte_stream_path(const mg_byte_stream *stream);

#endif
