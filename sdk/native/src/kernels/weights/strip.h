/* The part of a kernel that is the same for every instruction set: tiles along a strip of output pixels, partial sums, and
 * the output transform. A kernel's file includes it after defining
 *
 *   LANES    see vectors.h
 *   VECTORS  vectors of a block of output channels
 *   TILE     output pixels of a tile, at most 12
 *   FLOATS   1 if it sums floats, 0 if integers
 *   STEPS    steps whose weights are expanded at a time, into a panel of PANEL_BYTES each; or neither, for a kernel that
 *            reads the bits
 *
 * and defines expand (with a panel) and accumulate behind it. A panel is made once for all tiles of the strip and stays in
 * the first cache. Sums that are not complete wait where the output will be. */
#include "../float_vectors.h"
#include "weights.h"

enum { BLOCK = LANES * VECTORS };

#if FLOATS
typedef fvec sum;
#else
typedef ivec sum;
#endif

#ifdef PANEL_BYTES
/* The weights of `steps` steps, [step][channel of the block] words, as accumulate wants them. */
INLINE void expand(const uint32_t *filter, size_t steps, char *panel);
#endif

/* Adds `count` steps to sums[i][v], lane by lane, for `tile` windows. Window i begins at pixel[i]. `weights` is the panel, or
 * the filter's words where there is none. `tile` is a constant wherever this is called. */
INLINE void accumulate(size_t tile, const char *const pixel[TILE], const uint32_t *steps, size_t count,
                       const void *weights, sum sums[TILE][VECTORS]);

/* What the tiles of a strip have in common while `count` steps are added. */
typedef struct chunk {
  const uint32_t *steps;
  size_t count;
  const void *weights;
  bool first, last;
  size_t channels, pixel_channels; /* those of the block that exist, and all of the output */
  size_t columns, column_bytes, row_bytes; /* of windows */
  fvec scale[VECTORS], bias[VECTORS];
  ivec excess[VECTORS]; /* of integer sums, since zero is not stored as 0 */
  float minimum, maximum;
} chunk;

/* The next window of a strip. */
typedef struct window_position {
  const char *row;
  size_t column;
} window_position;

INLINE const char *take_window(const chunk *c, window_position *at) {
  const char *window = at->row + at->column * c->column_bytes;
  if (++at->column == c->columns) {
    at->column = 0;
    at->row += c->row_bytes;
  }
  return window;
}

INLINE vec finish(const chunk *c, sum value, size_t v) {
#if FLOATS
  const fvec result = value;
#else
  const fvec result = __builtin_convertvector(value - c->excess[v], fvec);
#endif
  return (vec)limit(add(multiply(result, c->scale[v]), c->bias[v]), c->minimum, c->maximum);
}

/* The sums of a tile in memory: of functions that all tiles share, since they would be most of the code in each. */
typedef sum tile_sums[TILE][VECTORS];

/* Of channels that exist. */
static __attribute__((noinline)) void read_sums(size_t tile, const chunk *c, const float *output, tile_sums sums) {
  memset(sums, 0, sizeof(tile_sums));
  for (size_t i = 0; i < tile && !c->first; ++i, output += c->pixel_channels) {
    memcpy(sums[i], output, c->channels * sizeof *output);
  }
}

static __attribute__((noinline)) void write_sums(size_t tile, const chunk *c, tile_sums sums, float *output) {
  for (size_t i = 0; i < tile; ++i, output += c->pixel_channels) {
    if (c->last) {
      UNROLL for (size_t v = 0; v < VECTORS; ++v) sums[i][v] = (sum)finish(c, sums[i][v], v);
    }
    memcpy(output, sums[i], c->channels < BLOCK ? c->channels * sizeof *output : sizeof sums[i]);
  }
}

INLINE void run_tile(size_t tile, const chunk *c, window_position *at, float *output) {
  const char *pixel[TILE];
  tile_sums waiting;
  sum sums[TILE][VECTORS]; /* whose address nobody takes, so that they can be in registers */
  read_sums(tile, c, output, waiting);
  UNROLL for (size_t i = 0; i < tile; ++i) {
    pixel[i] = take_window(c, at);
    UNROLL for (size_t v = 0; v < VECTORS; ++v) sums[i][v] = waiting[i][v];
  }
  accumulate(tile, pixel, c->steps, c->count, c->weights, sums);
  UNROLL for (size_t i = 0; i < tile; ++i) {
    UNROLL for (size_t v = 0; v < VECTORS; ++v) waiting[i][v] = sums[i][v];
  }
  write_sums(tile, c, waiting, output);
}

static __attribute__((noinline)) void run_tiles(const chunk *c, window_position at, size_t pixels, float *output) {
  for (; pixels >= TILE; pixels -= TILE, output += TILE * c->pixel_channels) run_tile(TILE, c, &at, output);
#if TILE > 4
  for (; pixels >= 4; pixels -= 4, output += 4 * c->pixel_channels) run_tile(4, c, &at, output);
#endif
  for (; pixels > 0; --pixels, output += c->pixel_channels) run_tile(1, c, &at, output);
}

static void strip(const facesdk_weights_strip *s) {
  const facesdk_binary_conv2d *op = s->op;
  const size_t channel = s->block * BLOCK, channels = (size_t)op->options.channels_out, width = (size_t)op->x.output;
  const uint32_t *filter = op->filter + s->block * op->step_count * BLOCK;
  float *output = s->output + s->first * channels + channel;
  chunk c = {.channels = channels - channel < BLOCK ? channels - channel : BLOCK,
             .pixel_channels = channels,
             .columns = width,
             .column_bytes = (size_t)op->x.stride * op->pixel_bytes,
             .row_bytes = (size_t)op->y.stride * op->image_row,
             .minimum = op->minimum,
             .maximum = op->maximum};
  const window_position at = {s->image + s->first / width * c.row_bytes, s->first % width};
  for (size_t v = 0; v < VECTORS; ++v) {
    c.scale[v] = (fvec)load(op->scale + channel + v * LANES);
    c.bias[v] = (fvec)load(op->bias + channel + v * LANES);
#if !FLOATS
    const int32_t zero = s->levels.zero + op->kernel->lowest;
    c.scale[v] = multiply(c.scale[v], (fvec){0} + s->levels.scale);
    c.excess[v] = (ivec)load(op->weight_sums + channel + v * LANES) * ((ivec){0} + zero);
#endif
  }
#ifdef PANEL_BYTES
  _Alignas(64) char panel[STEPS * PANEL_BYTES];
  for (size_t step = 0; step < op->step_count; step += c.count) {
    c.count = op->step_count - step < STEPS ? op->step_count - step : STEPS;
    c.weights = panel;
    expand(filter + step * BLOCK, c.count, panel);
#else
  for (size_t step = 0; step < op->step_count; step += c.count) {
    c.count = op->step_count;
    c.weights = filter;
#endif
    c.steps = op->steps + step;
    c.first = step == 0;
    c.last = step + c.count == op->step_count;
    run_tiles(&c, at, s->end - s->first, output);
  }
}
