#include "crc32c.h"

#define POLYNOMIAL 0x82f63b78u /* Castagnoli's, its bits reversed */

uint32_t mg_crc32c(const void *bytes, size_t size) {
  uint32_t table[256], sum = ~0u;
  for (uint32_t i = 0; i < 256; i++) {
    table[i] = i;
    for (int bit = 0; bit < 8; bit++) table[i] = table[i] >> 1 ^ (table[i] & 1 ? POLYNOMIAL : 0);
  }
  const uint8_t *next = bytes;
  for (size_t i = 0; i < size; i++) sum = sum >> 8 ^ table[(sum ^ next[i]) & 255];
  return ~sum;
}
