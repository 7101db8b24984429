/* cifar.h: the binary batches of CIFAR-10 (A. Krizhevsky, "Learning multiple layers of features from
 * tiny images", 2009): records of a label and 32 x 32 bytes of red, as many of green, of blue. */
#ifndef MG_CIFAR_H
#define MG_CIFAR_H

#include "dataset.h"

#define MG_CIFAR_SIDE 32
#define MG_CIFAR_RECORD (1 + 3 * MG_CIFAR_SIDE * MG_CIFAR_SIDE)

/* A data set of images (32, 32, 3) from the `count` files at `path`, one behind the other, of
 * `records` records each, plain or gzip.  Labels must be below `classes`.  NULL with an error that
 * names the file, what was expected and what came. */
mg_dataset *mg_dataset_from_cifar(const char *const *path, int count, int64_t records, int classes);

/* The same from a tar archive, plain or gzip, in whose members' names, folders apart, the names given
 * occur once each. */
mg_dataset *mg_dataset_from_cifar_archive(const char *archive, const char *const *name, int count, int64_t records,
                                          int classes);

#endif
