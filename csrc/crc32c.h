/* crc32c.h: the cyclic redundancy check of iSCSI (RFC 3720, appendix B.4), which event files use. */
#ifndef MG_CRC32C_H
#define MG_CRC32C_H

#include "base.h"

uint32_t mg_crc32c(const void *bytes, size_t size);

#endif
