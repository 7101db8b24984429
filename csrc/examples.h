/* examples.h: what a data set holds, for the files that make data sets and read them. */
#ifndef MG_EXAMPLES_H
#define MG_EXAMPLES_H

#include "dataset.h"

/* One of three: bytes, numbers, or files that are decoded when they are asked for. */
struct mg_examples {
  int refs;
  uint8_t *bytes;
  mg_tensor *values; /* (rows, ..) */
  mg_image_list *files;
  mg_failures *skipped; /* files left out, or NULL */
};

/* A data set over contents that become its own in any case; NULL with an error set.  `contents` has
 * one of the three. */
mg_dataset *mg_dataset_over(int64_t n, int ndim, const int64_t *shape, struct mg_examples contents, int32_t *labels);

#endif
