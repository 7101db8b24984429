/* print.h: a tensor as text, in the manner of NumPy and PyTorch. */
#ifndef MG_PRINT_H
#define MG_PRINT_H

#include "tensor.h"

/* "tensor([[ 0.1234, -1.2340],\n        [ 0.3333,  1.0000]], shape (2, 2), float32)": columns
 * aligned, lines of about 80 characters, the middle of long dimensions left out where there are
 * more than 1000 elements.  A string for mg_print_free; NULL where memory is exhausted (no error is
 * set). */
char *mg_tensor_print(const mg_tensor *t);
void mg_print_free(char *text);

#endif
