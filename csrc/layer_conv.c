/* layer_conv.c: convolution and its transpose over channels-last images. */
#include "conv.h"
#include "layer.h"

/* Longest stride, padding and dilation, as the operations have it. */
#define MAX_SIDE (1 << 20)

#define KERNEL_OPTION                                                                                                  \
  { "kernel", MG_SIDES, true, true, {0}, 1, MG_MAX_KERNEL, NULL }
#define SIDES_OPTION(name, fallback, min)                                                                              \
  { (name), MG_SIDES, false, false, {fallback, fallback}, min, MAX_SIDE, NULL }
#define GROUPS_OPTION                                                                                                  \
  { "groups", MG_WHOLE, false, false, {1}, 1, MG_LAYER_MAX_SIZE, NULL }

/* Positions that both layers' options share. */
enum { IN, OUT, KERNEL, STRIDE, PADDING, DILATION, GROUPS, BIAS, OUTPUT_PADDING };

static void read_sides(const mg_layer *layer, int option, int64_t sides[2]) {
  for (int i = 0; i < 2; i++) sides[i] = (int64_t)layer->values.value[option][i];
}

static mg_geometry geometry_of(const mg_layer *layer) {
  mg_geometry geometry = {.groups = mg_layer_integer(layer, GROUPS)};
  read_sides(layer, STRIDE, geometry.stride);
  read_sides(layer, PADDING, geometry.padding);
  read_sides(layer, DILATION, geometry.dilation);
  return geometry;
}

static bool check_groups(int64_t in, int64_t out, int64_t groups) {
  if (in % groups == 0 && out % groups == 0) return true;
  mg_fail("option groups: expected a divisor of %" PRId64 " and %" PRId64 " channels, got %" PRId64, in, out, groups);
  return false;
}

/* A weight (kernel h, kernel w, split / groups, whole), and a bias for each channel of the output. */
static bool allocate(mg_layer *layer, int64_t split, int64_t whole) {
  int64_t groups = mg_layer_integer(layer, GROUPS), kernel[2];
  if (!check_groups(mg_layer_integer(layer, IN), mg_layer_integer(layer, OUT), groups)) return false;
  read_sides(layer, KERNEL, kernel);
  int64_t shape[] = {kernel[0], kernel[1], split / groups, whole};
  return mg_layer_allocate_weight(layer, 4, shape, mg_layer_integer(layer, BIAS) ? mg_layer_integer(layer, OUT) : 0);
}

/* ---- Conv2d -------------------------------------------------------------------------------- */

static const mg_option conv_options[] = {MG_SIZE_OPTION("in"),
                                         MG_SIZE_OPTION("out"),
                                         KERNEL_OPTION,
                                         SIDES_OPTION("stride", 1, 1),
                                         SIDES_OPTION("padding", 0, 0),
                                         SIDES_OPTION("dilation", 1, 1),
                                         GROUPS_OPTION,
                                         MG_SWITCH_OPTION("bias", 1),
                                         {.name = NULL}};

static bool conv_build(mg_layer *layer) {
  return allocate(layer, mg_layer_integer(layer, IN), mg_layer_integer(layer, OUT));
}

static mg_tensor *conv_forward(mg_layer *layer, mg_tensor *const *in) {
  if (!mg_layer_expect_images(in[0], mg_layer_integer(layer, IN))) return NULL;
  mg_geometry geometry = geometry_of(layer);
  return mg_conv2d(in[0], layer->tensor[MG_LAYER_WEIGHT], layer->tensor[MG_LAYER_BIAS], &geometry);
}

/* ---- ConvTranspose2d ----------------------------------------------------------------------- */

static const mg_option transpose_options[] = {MG_SIZE_OPTION("in"),
                                              MG_SIZE_OPTION("out"),
                                              KERNEL_OPTION,
                                              SIDES_OPTION("stride", 1, 1),
                                              SIDES_OPTION("padding", 0, 0),
                                              SIDES_OPTION("dilation", 1, 1),
                                              GROUPS_OPTION,
                                              MG_SWITCH_OPTION("bias", 1),
                                              SIDES_OPTION("output_padding", 0, 0),
                                              {.name = NULL}};

/* The convolution that this is the transpose of takes `out` channels to `in`.  Its fan-in, on which
 * the first values depend, is that of PyTorch's layer too. */
static bool transpose_build(mg_layer *layer) {
  int64_t stride[2], extra[2];
  read_sides(layer, STRIDE, stride);
  read_sides(layer, OUTPUT_PADDING, extra);
  for (int i = 0; i < 2; i++)
    if (extra[i] >= stride[i])
      return mg_fail("option output_padding: expected less than the stride of %" PRId64 ", got %" PRId64, stride[i],
                     extra[i]),
             false;
  return allocate(layer, mg_layer_integer(layer, OUT), mg_layer_integer(layer, IN));
}

/* Pixels along one side of the output, below 1 where padding leaves none. */
static int64_t output_size(const mg_layer *layer, const mg_geometry *geometry, int side, int64_t size) {
  int64_t kernel = (int64_t)layer->values.value[KERNEL][side],
          extra = (int64_t)layer->values.value[OUTPUT_PADDING][side];
  return (size - 1) * geometry->stride[side] - 2 * geometry->padding[side] + geometry->dilation[side] * (kernel - 1) +
         extra + 1;
}

static mg_tensor *transpose_forward(mg_layer *layer, mg_tensor *const *in) {
  mg_tensor *x = in[0];
  if (!mg_layer_expect_images(x, mg_layer_integer(layer, IN))) return NULL;
  mg_geometry geometry = geometry_of(layer);
  int64_t size[2];
  for (int i = 0; i < 2; i++) {
    size[i] = output_size(layer, &geometry, i, x->shape[i + 1]);
    if (size[i] < 1)
      return mg_fail("padding %" PRId64 " x %" PRId64 " leaves no pixel of the result for %s", geometry.padding[0],
                     geometry.padding[1], mg_tensor_text(x));
  }
  return mg_conv2d_input(x, layer->tensor[MG_LAYER_WEIGHT], layer->tensor[MG_LAYER_BIAS], size[0], size[1], &geometry);
}

/* ---- the table ----------------------------------------------------------------------------- */

const mg_layer_type mg_conv_layers[] = {
    {.name = "Conv2d",
     .options = conv_options,
     .slots = {{"weight", false}, {"bias", false}},
     .maps = true,
     .affine = true,
     .build = conv_build,
     .forward = conv_forward,
     .inputs = 1,
     .doc = "Conv2d(in, out, kernel, { stride = 1, padding = 0, dilation = 1, groups = 1, bias = true }): convolution "
            "of images (n, h, w, in); sizes are numbers or { height, width }; weight is (kernel h, kernel w, "
            "in / groups, out)"},
    {.name = "ConvTranspose2d",
     .options = transpose_options,
     .slots = {{"weight", false}, {"bias", false}},
     .maps = true,
     .affine = true,
     .transposed = true,
     .build = transpose_build,
     .forward = transpose_forward,
     .inputs = 1,
     .doc = "ConvTranspose2d(in, out, kernel, { stride = 1, padding = 0, output_padding = 0, dilation = 1, groups = 1, "
            "bias = true }): the transpose of a convolution from out to in channels; weight is (kernel h, kernel w, "
            "out / groups, in)"},
    {.name = NULL}};
