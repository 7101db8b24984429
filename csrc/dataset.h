/* dataset.h: examples kept in memory, and batches of them as tensors.
 *
 * Images stay bytes; a batch is gathered, brought to its range and mirrored in one pass, straight
 * into a tensor.  Examples that are numbers already (a toy distribution) are kept as a tensor.
 * Images that would take too much memory stay files, decoded batch by batch ("streamed").
 * Everything here is 0-based, classes as well; the binding turns Lua's numbers round. */
#ifndef MG_DATASET_H
#define MG_DATASET_H

#include "image_list.h"
#include "tensor.h"

typedef struct mg_examples mg_examples; /* the contents, which subsets share */

typedef struct mg_dataset {
  int64_t n; /* examples */
  int ndim;  /* of one example; images are (H, W, C) */
  int64_t shape[MG_MAX_DIM];
  int64_t size; /* the product of the shape */
  mg_examples *examples;
  int64_t *row;   /* example i is row[i] of the contents; NULL: all of them, in order */
  int32_t *label; /* n class numbers >= 0, or NULL */
} mg_dataset;

/* A data set over n images (H, W, C) of bytes and, unless NULL, their labels.  Takes both blocks
 * (which free() will get), also where it fails: NULL with an error set. */
mg_dataset *mg_dataset_from_bytes(int64_t n, const int64_t shape[3], uint8_t *bytes, int32_t *labels);

/* Images (N, H, W) or (N, H, W, C) and, unless labels_path is NULL, labels (N) from IDX files, plain
 * or gzip.  Labels must be below `classes` where that is above 0.  NULL with an error that names
 * the file. */
mg_dataset *mg_dataset_from_idx(const char *images_path, const char *labels_path, int64_t classes);

/* A data set of the rows of a tensor (N, ..), N >= 1, whose storage it shares; labels (N), whole
 * numbers from 1 on as Lua counts classes, may be NULL. */
mg_dataset *mg_dataset_from_tensor(const mg_tensor *values, const mg_tensor *labels);

void mg_dataset_free(mg_dataset *set); /* NULL-safe */

/* Image files that could not be decoded and were left out. */
typedef struct mg_failures {
  int64_t count;
  char **message; /* each names the file */
} mg_failures;
void mg_failures_free(mg_failures *failures); /* NULL-safe */

/* A data set of the pictures of a list and, unless NULL, their labels; takes both in any case.  Each
 * file is decoded once, in parallel, and its bytes are kept; where `keep` is false, a file is
 * decoded whenever it is asked for.  A file that cannot be decoded is left out where `skip` says
 * so, else the error: at once where bytes are kept, when it is asked for where they are not.
 * NULL with an error set, also where no file could be decoded. */
mg_dataset *mg_dataset_from_images(mg_image_list *list, int32_t *labels, bool keep, bool skip);

/* What mg_dataset_from_images left out, or NULL. */
const mg_failures *mg_dataset_skipped(const mg_dataset *set);

/* Whether the examples are bytes, which a range applies to; whether they are files. */
bool mg_dataset_is_bytes(const mg_dataset *set);
bool mg_dataset_is_streamed(const mg_dataset *set);

/* Bytes of memory that this data set alone brought with it. */
size_t mg_dataset_memory(const mg_dataset *set);

/* Which examples to take, in order: each is MG_PICK(example, mirrored). */
typedef int64_t mg_pick;
#define MG_PICK(example, mirrored) ((mg_pick)(example) << 1 | (mirrored))
#define MG_PICK_EXAMPLE(pick) ((pick) >> 1)
#define MG_PICK_MIRRORED(pick) ((bool)((pick)&1))

/* The order of an epoch over n examples, a function of (seed, epoch) alone: shuffled by Fisher
 * and Yates's method or as they stand, each mirrored with probability 1/2 or none. */
void mg_pick_epoch(int64_t n, uint64_t seed, uint64_t epoch, bool shuffle, bool mirror, mg_pick *picks);

/* A decoding of the examples picked, for mg_dataset_gather to come; the set is streamed.  NULL with
 * an error set. */
mg_decoding *mg_dataset_decode(const mg_dataset *set, const mg_pick *picks, int64_t count);

/* The examples picked (each below set->n): a tensor (count, shape of one..), or (count, size)
 * where `flat`.  Bytes 0 .. 255 become low .. high; numbers stay as they are.  Mirrored examples of
 * three dimensions are reversed along their second (left and right).  `ahead`, which may be NULL,
 * saves a streamed set the time where it is a decoding of just these examples; the result is the
 * same without it. */
mg_tensor *mg_dataset_gather(const mg_dataset *set, const mg_pick *picks, int64_t count, mg_decoding *ahead, bool flat,
                             double low, double high);

/* Mean and standard deviation of the channels of all examples, the numbers along their last
 * dimension (one where an example is a single number), bytes as 0 .. 255: `mean` and `deviation`
 * have room for mg_dataset_channels(set).  False with an error set. */
int64_t mg_dataset_channels(const mg_dataset *set);
bool mg_dataset_statistics(const mg_dataset *set, double *mean, double *deviation);

/* Their labels, 1-based: a tensor (count).  The set has labels. */
mg_tensor *mg_dataset_labels(const mg_dataset *set, const mg_pick *picks, int64_t count);

/* A data set of the examples picked (mirroring is ignored), which shares the contents. */
mg_dataset *mg_dataset_subset(const mg_dataset *set, const mg_pick *picks, int64_t count);

#endif
