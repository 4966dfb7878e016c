/* FacesdkBinaryConv2D: what all kernels share, which is validation, packing, bands of rows, and the levels of
 * bytes. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/thread_pool.h"
#include "kernels/binary_conv2d/binary_conv2d.h"

enum {
  MAX_WINDOW_BITS = 1 << 22, /* sums of as many bytes fit 32 bits, twice over */
  BAND_BYTES = 1 << 20,      /* of a band, unless one row of windows needs more */
};

/* Fewer multiply-adds, or fewer values to encode, than this are not worth waking a thread. */
static const double MIN_WORK_PER_THREAD = 5e5;
static const double MIN_VALUES_PER_THREAD = 1 << 14;

/* ---- validation ---- */

static facesdk_status check_options(const facesdk_binary_conv2d_options *o, facesdk_error *error) {
  const facesdk_bounded ranges[] = {
      {"batch", o->batch, 1, INT32_MAX},
      {"channels_in", o->channels_in, 1, INT32_MAX - FACESDK_WORD_BITS},
      {"channels_out", o->channels_out, 1, INT32_MAX - FACESDK_WORD_BITS},
      {"fused activation function", o->activation, FACESDK_ACTIVATION_NONE, FACESDK_ACTIVATION_RELU6},
  };
  const facesdk_status status = facesdk_check_bounds(ranges, sizeof ranges / sizeof ranges[0], error);
  if (status != FACESDK_OK) return status;
  if (o->activation_bits == 0 || o->activation_bits == 8) return FACESDK_OK;
  return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "activation_bits must be 0 (float32) or 8, but got %d",
                      (int)o->activation_bits);
}

/* Everything that follows from the options alone. */
static facesdk_status derive(facesdk_binary_conv2d *op, const facesdk_binary_conv2d_options *o, facesdk_error *error) {
  facesdk_status status = check_options(o, error);
  if (status != FACESDK_OK) return status;
  status = facesdk_windows_init(&op->y, &op->x, &FACESDK_WINDOW_OPTIONS(o, o->dilation_height, o->dilation_width), error);
  if (status != FACESDK_OK) return status;
  op->options = *o;
  op->words = facesdk_words((size_t)o->channels_in);
  status = facesdk_windows_check_filters(&op->y, &op->x, o->channels_in, o->channels_out, MAX_WINDOW_BITS,
                                         &op->step_count, error);
  if (status != FACESDK_OK) return status;
  status = facesdk_windows_check_images(&op->y, &op->x, o->batch, (uint64_t)o->channels_in * sizeof(float),
                                        (uint64_t)o->channels_out * sizeof(float), error);
  if (status != FACESDK_OK) return status;
  op->minimum = o->activation == FACESDK_ACTIVATION_NONE           ? -INFINITY
                : o->activation == FACESDK_ACTIVATION_RELU_N1_TO_1 ? -1.0f
                                                                   : 0.0f;
  op->maximum = o->activation == FACESDK_ACTIVATION_RELU6          ? 6.0f
                : o->activation == FACESDK_ACTIVATION_RELU_N1_TO_1 ? 1.0f
                                                                   : INFINITY;
  return FACESDK_OK;
}

/* ---- preparation ---- */

/* Finds the size of the image; false if even one row of windows would make it absurdly large. */
static bool plan_image(facesdk_binary_conv2d *op) {
  op->pixel_bytes = op->words * op->kernel->cell_bytes;
  if (!facesdk_windows_image_is_practical(&op->y, &op->x, 1, op->pixel_bytes)) return false;
  op->image_row = (size_t)facesdk_window_span(&op->x, op->x.output) * op->pixel_bytes;
  const size_t image = (size_t)facesdk_window_span(&op->y, 1) * op->image_row;
  const size_t more = image < BAND_BYTES ? (BAND_BYTES - image) / op->image_row / (size_t)op->y.stride : 0;
  op->band_rows = more < (size_t)op->y.output ? more + 1 : (size_t)op->y.output;
  return true;
}

/* Rows of the image of a band with `rows` rows of windows. */
static size_t image_rows(const facesdk_binary_conv2d *op, size_t rows) {
  return (size_t)facesdk_window_span(&op->y, (int32_t)rows);
}

/* Steps go through all taps of a word of the window before the next word: so cells that neighbouring windows share are
 * still in the first cache when they are read again. */
static void list_steps(const facesdk_binary_conv2d *op) {
  const facesdk_pitch pitch = {op->image_row, op->pixel_bytes};
  uint32_t *step = op->steps;
  for (size_t word = 0; word < op->words; ++word) {
    for (size_t y = 0; y < (size_t)op->y.filter; ++y) {
      for (size_t x = 0; x < (size_t)op->x.filter; ++x) {
        *step++ = (uint32_t)(facesdk_windows_step(&op->y, &op->x, pitch, y, x) + word * op->kernel->cell_bytes);
      }
    }
  }
}

static void pack_filter(const facesdk_binary_conv2d *op, const uint32_t *filter) {
  const size_t block = op->kernel->block, taps = op->step_count / op->words;
  for (size_t c = 0; c < (size_t)op->options.channels_out; ++c) {
    uint32_t *to = op->filter + c / block * op->step_count * block + c % block;
    int32_t negative = 0;
    for (size_t tap = 0; tap < taps; ++tap) {
      for (size_t word = 0; word < op->words; ++word, ++filter) {
        to[(word * taps + tap) * block] = *filter;
        negative += __builtin_popcount(*filter);
      }
    }
    op->weight_sums[c] = (int32_t)(op->step_count * FACESDK_WORD_BITS) - 2 * negative;
  }
}

static bool prepare(facesdk_binary_conv2d *op, const uint32_t *filter, const float *scale, const float *bias) {
  const facesdk_binary_conv2d_kernel *kernel = op->kernel;
  const size_t channels = (size_t)op->options.channels_out, block = kernel == NULL ? 1 : kernel->block;
  const size_t blocks = (channels + block - 1) / block, room = blocks * block;
  op->scale = facesdk_allocate(room, sizeof *op->scale);
  op->bias = facesdk_allocate(room, sizeof *op->bias);
  op->filter = facesdk_allocate(room, op->step_count * sizeof *op->filter);
  if (op->scale == NULL || op->bias == NULL || op->filter == NULL) return false;
  memcpy(op->scale, scale, channels * sizeof *scale);
  if (bias != NULL) memcpy(op->bias, bias, channels * sizeof *bias);
  if (kernel == NULL) {
    memcpy(op->filter, filter, channels * op->step_count * sizeof *filter);
    return true;
  }
  op->weight_sums = facesdk_allocate(room, sizeof *op->weight_sums);
  op->steps = facesdk_allocate(op->step_count, sizeof *op->steps);
  op->image = facesdk_allocate(image_rows(op, op->band_rows), op->image_row);
  op->ranges = facesdk_allocate((size_t)op->y.input, sizeof *op->ranges);
  if (op->weight_sums == NULL || op->steps == NULL || op->image == NULL || op->ranges == NULL) return false;
  list_steps(op);
  pack_filter(op, filter);
  for (size_t i = 0; kernel->arrange != NULL && i < blocks * op->step_count; ++i) kernel->arrange(op->filter + i * block);
  return true;
}

facesdk_status facesdk_binary_conv2d_output_shape(const facesdk_binary_conv2d_options *options, int32_t shape[4],
                                                  facesdk_error *error) {
  facesdk_binary_conv2d op = {0};
  const facesdk_status status = derive(&op, options, error);
  if (status == FACESDK_OK) facesdk_windows_shape(&op.y, &op.x, options->batch, options->channels_out, shape);
  return status;
}

facesdk_status facesdk_binary_conv2d_create(const facesdk_path *path, const facesdk_binary_conv2d_options *options,
                                            const uint32_t *filter, const float *scale, const float *bias,
                                            facesdk_binary_conv2d **result, facesdk_error *error) {
  facesdk_binary_conv2d derived = {.path = path};
  const facesdk_status status = derive(&derived, options, error);
  if (status != FACESDK_OK) return status;
  if (filter == NULL || scale == NULL) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "%s must not be NULL", filter == NULL ? "filter" : "scale");
  }
  facesdk_binary_conv2d *op = malloc(sizeof *op);
  if (op == NULL) {
    return facesdk_windows_out_of_memory(&derived.y, &derived.x, options->channels_in, options->channels_out, error);
  }
  *op = derived;
  op->kernel = options->activation_bits == 8 ? path->bytes : path->floats;
  if (op->kernel != NULL && !plan_image(op)) {
    op->kernel = NULL;
    op->path = facesdk_path_reference();
  }
  facesdk_pool_acquire();
  if (!prepare(op, filter, scale, bias)) {
    facesdk_binary_conv2d_destroy(op);
    return facesdk_windows_out_of_memory(&derived.y, &derived.x, options->channels_in, options->channels_out, error);
  }
  *result = op;
  return FACESDK_OK;
}

void facesdk_binary_conv2d_destroy(facesdk_binary_conv2d *op) {
  if (op == NULL) return;
  free(op->scale);
  free(op->bias);
  free(op->weight_sums);
  free(op->filter);
  free(op->steps);
  free(op->image);
  free(op->ranges);
  free(op);
  facesdk_pool_release();
}

/* ---- levels ---- */

static facesdk_range join(facesdk_range a, facesdk_range b) {
  return (facesdk_range){a.low < b.low ? a.low : b.low, a.high > b.high ? a.high : b.high, a.finite && b.finite};
}

static facesdk_levels levels_of(facesdk_range range) {
  if (!range.finite) return (facesdk_levels){.scale = NAN};
  const float scale = range.high / 255.0f - range.low / 255.0f;
  if (scale < FLT_MIN) return (facesdk_levels){0};
  const float inverse = 1.0f / scale;
  const int32_t zero = facesdk_round(-range.low * inverse);
  return (facesdk_levels){scale, inverse, zero > 255 ? 255 : zero};
}

/* ---- run ---- */

/* One run's work on an image, or on a band of it. */
typedef struct band_work {
  const facesdk_binary_conv2d *op;
  const float *input; /* the image */
  facesdk_levels levels;
  size_t first_row, rows; /* of windows */
  float *output;          /* of the band */
} band_work;

static void find_ranges(void *context, size_t first, size_t end) {
  const band_work *w = context;
  const size_t row = (size_t)w->op->x.input * (size_t)w->op->options.channels_in;
  for (size_t y = first; y < end; ++y) w->op->ranges[y] = w->op->kernel->range(w->input + y * row, row);
}

static void encode_pixels(const band_work *w, const float *values, size_t pixels, char *cells) {
  const facesdk_binary_conv2d *op = w->op;
  const size_t channels = (size_t)op->options.channels_in;
  if (channels % FACESDK_WORD_BITS == 0) { /* cells know no pixels then */
    op->kernel->encode(values, pixels * channels, &w->levels, cells);
    return;
  }
  for (size_t x = 0; x < pixels; ++x) {
    op->kernel->encode(values + x * channels, channels, &w->levels, cells + x * op->pixel_bytes);
  }
}

/* Rows [first, end) of the band's image. */
static void encode_rows(void *context, size_t first, size_t end) {
  const band_work *w = context;
  const facesdk_binary_conv2d *op = w->op;
  const int padding = (int)w->levels.zero + op->kernel->lowest;
  const size_t width = (size_t)op->x.input, pad = (size_t)op->x.pad;
  const size_t inside = (size_t)facesdk_window_spanned_input(&op->x);
  const int64_t top = (int64_t)w->first_row * op->y.stride - op->y.pad;
  for (size_t row = first; row < end; ++row) {
    char *cells = op->image + row * op->image_row;
    const int64_t y = top + (int64_t)row;
    if (!facesdk_window_inside(&op->y, y)) {
      memset(cells, padding, op->image_row);
      continue;
    }
    char *after = cells + (pad + inside) * op->pixel_bytes;
    memset(cells, padding, pad * op->pixel_bytes);
    encode_pixels(w, w->input + (size_t)y * width * (size_t)op->options.channels_in, inside, cells + pad * op->pixel_bytes);
    memset(after, padding, op->image_row - (size_t)(after - cells));
  }
}

/* Tiles [first, end) of one block. */
static void run_tiles(void *context, size_t block, size_t first, size_t end) {
  const band_work *w = context;
  const size_t tile = w->op->kernel->tile, pixels = w->rows * (size_t)w->op->x.output;
  w->op->kernel->strip(&(facesdk_binary_conv2d_strip){.op = w->op,
                                                      .image = w->op->image,
                                                      .block = block,
                                                      .first = first * tile,
                                                      .end = end * tile < pixels ? end * tile : pixels,
                                                      .levels = w->levels,
                                                      .output = w->output});
}

static void run_band(band_work *w, int32_t threads) {
  const facesdk_binary_conv2d *op = w->op;
  const size_t pixels = w->rows * (size_t)op->x.output, rows = image_rows(op, w->rows);
  const size_t blocks = ((size_t)op->options.channels_out + op->kernel->block - 1) / op->kernel->block;
  const double values = (double)rows * (double)op->x.input * (double)op->options.channels_in;
  const size_t tiles = (pixels + op->kernel->tile - 1) / op->kernel->tile;
  const double products =
      (double)pixels * (double)op->options.channels_out * (double)op->step_count * (double)FACESDK_WORD_BITS;
  facesdk_pool_run(encode_rows, w, rows, facesdk_pool_worthwhile(values, MIN_VALUES_PER_THREAD, threads));
  facesdk_pool_run_rows(run_tiles, w, blocks, tiles,
                        facesdk_pool_worthwhile(products, MIN_WORK_PER_THREAD, threads));
}

static void run_image(const facesdk_binary_conv2d *op, const float *input, float *output, int32_t threads) {
  const size_t rows = (size_t)op->y.output, row_size = (size_t)op->x.output * (size_t)op->options.channels_out;
  band_work w = {.op = op, .input = input, .output = output};
  if (op->options.activation_bits == 8) {
    const double values = (double)op->y.input * (double)op->x.input * (double)op->options.channels_in;
    facesdk_pool_run(find_ranges, &w, (size_t)op->y.input,
                     facesdk_pool_worthwhile(values, MIN_VALUES_PER_THREAD, threads));
    facesdk_range range = op->ranges[0];
    for (size_t y = 1; y < (size_t)op->y.input; ++y) range = join(range, op->ranges[y]);
    w.levels = levels_of(range);
  }
  for (; w.first_row < rows; w.first_row += w.rows, w.output += w.rows * row_size) {
    w.rows = rows - w.first_row < op->band_rows ? rows - w.first_row : op->band_rows;
    run_band(&w, threads);
  }
}

void facesdk_binary_conv2d_run(facesdk_binary_conv2d *op, const float *input, float *output, int32_t threads) {
  const size_t input_size = (size_t)op->y.input * (size_t)op->x.input * (size_t)op->options.channels_in;
  const size_t output_size = (size_t)op->y.output * (size_t)op->x.output * (size_t)op->options.channels_out;
  for (int32_t image = 0; image < op->options.batch; ++image, input += input_size, output += output_size) {
    if (op->kernel == NULL) {
      facesdk_binary_conv2d_reference(op, input, output);
    } else {
      run_image(op, input, output, threads);
    }
  }
  facesdk_path_count_run(op->path);
}
