/* layer_image.c: layers that change the size of images: pooling, upsampling, pixel shuffle. */
#include "conv.h"
#include "layer.h"

#define MAX_SIDE (1 << 20)

/* ---- pooling ------------------------------------------------------------------------------- */

/* A stride of 0 is the kernel's. */
#define KERNEL_OPTION                                                                                                  \
  { "kernel", MG_SIDES, true, true, {0}, 1, MAX_SIDE, NULL }
#define SIDES_OPTION(name, fallback, min)                                                                              \
  { (name), MG_SIDES, false, false, {fallback, fallback}, min, MAX_SIDE, NULL }

enum { KERNEL, STRIDE, PADDING, DILATION };
static const mg_option max_pool_options[] = {KERNEL_OPTION,
                                             SIDES_OPTION("stride", 0, 1),
                                             SIDES_OPTION("padding", 0, 0),
                                             SIDES_OPTION("dilation", 1, 1),
                                             {.name = NULL}};
static const mg_option avg_pool_options[] = {
    KERNEL_OPTION, SIDES_OPTION("stride", 0, 1), SIDES_OPTION("padding", 0, 0), {.name = NULL}};

static bool pool_build(mg_layer *layer) {
  for (int i = 0; i < 2; i++) {
    double kernel = layer->values.value[KERNEL][i], padding = layer->values.value[PADDING][i];
    if (layer->values.value[STRIDE][i] == 0) layer->values.value[STRIDE][i] = kernel;
    if (2 * padding > kernel)
      return mg_fail("option padding: expected at most half the kernel of %.14g, got %.14g", kernel, padding), false;
  }
  return true;
}

static mg_geometry geometry_of(const mg_layer *layer, bool dilated) {
  mg_geometry geometry = {.dilation = {1, 1}, .groups = 1};
  for (int i = 0; i < 2; i++) {
    geometry.stride[i] = (int64_t)layer->values.value[STRIDE][i];
    geometry.padding[i] = (int64_t)layer->values.value[PADDING][i];
    if (dilated) geometry.dilation[i] = (int64_t)layer->values.value[DILATION][i];
  }
  return geometry;
}

static mg_tensor *max_pool_forward(mg_layer *layer, mg_tensor *const *in) {
  if (!mg_layer_expect_images(in[0], 0)) return NULL;
  const double *kernel = layer->values.value[KERNEL];
  mg_geometry geometry = geometry_of(layer, true);
  return mg_max_pool2d(in[0], (int64_t)kernel[0], (int64_t)kernel[1], &geometry);
}

static mg_tensor *avg_pool_forward(mg_layer *layer, mg_tensor *const *in) {
  if (!mg_layer_expect_images(in[0], 0)) return NULL;
  const double *kernel = layer->values.value[KERNEL];
  mg_geometry geometry = geometry_of(layer, false);
  return mg_avg_pool2d(in[0], (int64_t)kernel[0], (int64_t)kernel[1], &geometry);
}

static mg_tensor *global_avg_pool(mg_tensor *x) {
  if (!mg_layer_expect_images(x, 0)) return NULL;
  return mg_mean(mg_reshape(x, 3, (int64_t[]){x->shape[0], x->shape[1] * x->shape[2], x->shape[3]}), 1, false);
}

/* ---- Upsample ------------------------------------------------------------------------------ */

enum { SCALE, SIZE, MODE };
enum { NEAREST, BILINEAR };
static const mg_option upsample_options[] = {{"scale", MG_SIDES, false, false, {0, 0}, 1, MAX_SIDE, NULL},
                                             {"size", MG_SIDES, false, false, {0, 0}, 1, MG_LAYER_MAX_SIZE, NULL},
                                             {"mode", MG_CHOICE, false, false, {NEAREST}, 0, 0, "nearest|bilinear"},
                                             {.name = NULL}};

static bool upsample_build(mg_layer *layer) {
  bool scale = layer->values.value[SCALE][0] > 0, size = layer->values.value[SIZE][0] > 0;
  if (scale != size) return true;
  return mg_fail("expected either option scale or option size, got %s", scale ? "both" : "neither"), false;
}

/* Position i of `to` along a dimension shows pixel floor(i from / to) of x. */
static mg_tensor *repeat_pixels(mg_tensor *x, int dim, int64_t to) {
  int64_t from = x->shape[dim];
  if (from == to) return x;
  mg_tensor *index = mg_tensor_new(1, &to);
  for (int64_t i = 0; index && i < to; i++) index->data[i] = (real)(i * from / to);
  return mg_index_select(x, dim, index);
}

static mg_tensor *upsample_nearest(mg_tensor *x, int64_t height, int64_t width) {
  int64_t n = x->shape[0], h = x->shape[1], w = x->shape[2], c = x->shape[3];
  if (height % h || width % w) return repeat_pixels(repeat_pixels(x, 1, height), 2, width);
  mg_tensor *pixels = mg_reshape(x, 6, (int64_t[]){n, h, 1, w, 1, c});
  mg_tensor *blocks = mg_expand(pixels, 6, (int64_t[]){n, h, height / h, w, width / w, c});
  return mg_reshape(blocks, 4, (int64_t[]){n, height, width, c});
}

static mg_tensor *upsample_forward(mg_layer *layer, mg_tensor *const *in) {
  mg_tensor *x = in[0];
  if (!mg_layer_expect_images(x, 0)) return NULL;
  int64_t size[2];
  for (int i = 0; i < 2; i++) {
    int64_t scale = (int64_t)layer->values.value[SCALE][i];
    size[i] = scale > 0 ? scale * x->shape[i + 1] : (int64_t)layer->values.value[SIZE][i];
  }
  if (mg_layer_integer(layer, MODE) == NEAREST) return upsample_nearest(x, size[0], size[1]);
  return mg_resample(mg_resample(x, 1, size[0]), 2, size[1]);
}

/* ---- PixelShuffle -------------------------------------------------------------------------- */

static const mg_option pixel_shuffle_options[] = {MG_SIZE_OPTION("factor"), {.name = NULL}};

/* Channel (k r + i) r + j of x goes to channel k of pixel (i, j) of a block of r x r, as PyTorch
 * has it. */
static mg_tensor *pixel_shuffle_forward(mg_layer *layer, mg_tensor *const *in) {
  mg_tensor *x = in[0];
  int64_t r = mg_layer_integer(layer, 0);
  if (!mg_layer_expect_images(x, 0)) return NULL;
  int64_t n = x->shape[0], h = x->shape[1], w = x->shape[2], c = x->shape[3] / (r * r);
  if (x->shape[3] != c * r * r)
    return mg_fail("expected a multiple of %" PRId64 " channels, the square of the factor, got %s", r * r,
                   mg_tensor_text(x));
  mg_tensor *blocks = mg_reshape(x, 6, (int64_t[]){n, h, w, c, r, r});
  mg_tensor *pixels = mg_permute(blocks, (int64_t[]){0, 1, 4, 2, 5, 3});
  return mg_reshape(pixels, 4, (int64_t[]){n, h * r, w * r, c});
}

/* ---- the table ----------------------------------------------------------------------------- */

const mg_layer_type mg_image_layers[] = {
    {.name = "MaxPool2d",
     .options = max_pool_options,
     .build = pool_build,
     .forward = max_pool_forward,
     .inputs = 1,
     .function = "max_pool2d",
     .doc = "MaxPool2d(kernel, { stride = kernel, padding = 0, dilation = 1 }): the largest value of each window and "
            "channel of images (n, h, w, c); sizes are numbers or { height, width }"},
    {.name = "AvgPool2d",
     .options = avg_pool_options,
     .build = pool_build,
     .forward = avg_pool_forward,
     .inputs = 1,
     .doc = "AvgPool2d(kernel, { stride = kernel, padding = 0 }): the mean of each window and channel of images "
            "(n, h, w, c), padding counted as zeros"},
    {.name = "GlobalAvgPool2d",
     .unary = global_avg_pool,
     .doc = "GlobalAvgPool2d(): the mean of each channel: images (n, h, w, c) to (n, c)"},
    {.name = "Upsample",
     .options = upsample_options,
     .build = upsample_build,
     .forward = upsample_forward,
     .inputs = 1,
     .function = "upsample",
     .doc = "Upsample{ scale = .. or size = .., mode = \"nearest\" }: images (n, h, w, c) of another size, by repeated "
            "pixels or, where mode is \"bilinear\", by interpolation between pixels' centres"},
    {.name = "PixelShuffle",
     .options = pixel_shuffle_options,
     .forward = pixel_shuffle_forward,
     .inputs = 1,
     .function = "pixel_shuffle",
     .doc = "PixelShuffle(factor): images (n, h, w, c factor^2) to (n, h factor, w factor, c): channels become pixels "
            "(Shi et al. 2016)"},
    {.name = NULL}};
