/* animation.h: animated PNG (APNG, in the third edition of the PNG specification), made piece by piece: the
 * head, then each frame, then the chunk IEND. */
#ifndef MG_ANIMATION_H
#define MG_ANIMATION_H

#include "image.h"

#define MG_ANIMATION_HEAD (8 + 25 + 20) /* bytes: the signature and two chunks */

/* The head of an animation of frames of this size and these channels (its bytes are not looked at); `plays`
 * is how often they are shown, 0 for ever. */
void mg_animation_head(const mg_image *image, uint32_t frames, uint32_t plays, uint8_t head[MG_ANIMATION_HEAD]);

/* A frame shown for so many milliseconds: a block for free(), its length in *size.  *sequence numbers the chunks
 * of the animation: 0 before the first frame, and moved on.  NULL with an error set. */
uint8_t *mg_animation_frame(const mg_image *image, uint16_t milliseconds, uint32_t *sequence, size_t *size);

#endif
