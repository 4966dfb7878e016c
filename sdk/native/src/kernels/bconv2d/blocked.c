#include "kernels/bconv2d/blocked.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/thread_pool.h"

/* Fewer bit operations than this are not worth waking a thread. */
static const double MIN_WORK_PER_THREAD = 4e6;

/* Adjacent words of a window: a tap, or a row of taps. */
typedef struct word_runs {
  size_t count, words;
  size_t units, singles, single_words; /* of a run */
} word_runs;

static word_runs runs_of(const facesdk_bconv2d *op) {
  const bool rows = op->options.groups == 1 && op->x.dilation == 1;
  const size_t height = (size_t)op->y.filter, width = (size_t)op->x.filter;
  word_runs runs = {height * (rows ? 1 : width), op->group_words * (rows ? width : 1), .single_words = 1};
  runs.units = runs.words / op->kernel->unit;
  runs.singles = runs.words % op->kernel->unit;
  if (op->kernel->triples && runs.singles == 1 && runs.units > 0) {
    --runs.units;
    runs.single_words = 3;
  }
  return runs;
}

/* ---- prepare ---- */

/* Words that a cell of the image has. */
static size_t cell_of(const facesdk_bconv2d *op) {
  return op->group_words * (size_t)op->options.groups * op->kernel->sums;
}

static bool make_image(facesdk_bconv2d *op, facesdk_blocked *plan) {
  const size_t height = (size_t)facesdk_window_span(&op->y, op->y.output), cell = cell_of(op);
  const size_t width = (size_t)facesdk_window_span(&op->x, op->x.output), input = (size_t)op->x.input;
  const bool pads = op->y.pad > 0 || op->x.pad > 0 || height > (size_t)op->y.input || width > input;
  if (op->kernel->sums == 1 && !pads) {
    plan->image_row = input * cell;
    return true;
  }
  plan->image_row = width * cell;
  plan->image_start = (size_t)op->y.pad * plan->image_row + (size_t)op->x.pad * cell;
  plan->rows = (size_t)facesdk_window_spanned_input(&op->y);
  plan->columns = (size_t)facesdk_window_spanned_input(&op->x) * op->group_words * (size_t)op->options.groups;
  plan->image = facesdk_allocate(height * plan->image_row, sizeof(uint32_t));
  return plan->image != NULL;
}

/* The last one leads nowhere. */
static bool make_distances(facesdk_blocked *plan) {
  const size_t count = plan->units + plan->singles;
  plan->distances = facesdk_allocate(count, sizeof *plan->distances);
  if (plan->distances == NULL) return false;
  for (size_t i = 0; i + 1 < count; ++i) {
    plan->distances[i] = (int32_t)((plan->steps[i + 1] - plan->steps[i]) * (uint32_t)sizeof(uint32_t));
  }
  return true;
}

static bool make_offsets(facesdk_bconv2d *op, facesdk_blocked *plan) {
  const facesdk_bconv2d_kernel *kernel = op->kernel;
  const facesdk_pitch pitch = {plan->image_row, cell_of(op)};
  const size_t scale = kernel->sums;
  const word_runs runs = runs_of(op);
  plan->group_offset = op->group_words * scale;
  plan->units = runs.count * runs.units;
  plan->singles = runs.count * runs.singles;
  plan->single_words = runs.single_words;
  plan->pixel_count = (size_t)op->y.output * (size_t)op->x.output;
  plan->pixels = facesdk_allocate(plan->pixel_count, sizeof(uint32_t));
  plan->steps = facesdk_allocate(plan->units + plan->singles, sizeof(uint32_t));
  if (plan->pixels == NULL || plan->steps == NULL) return false;

  uint32_t *pixel = plan->pixels;
  for (size_t y = 0; y < (size_t)op->y.output; ++y) {
    for (size_t x = 0; x < (size_t)op->x.output; ++x) {
      *pixel++ = (uint32_t)facesdk_windows_position(&op->y, &op->x, pitch, y, x);
    }
  }

  const size_t row_runs = runs.count / (size_t)op->y.filter; /* runs of one filter row */
  uint32_t *unit = plan->steps, *single = plan->steps + plan->units;
  for (size_t run = 0; run < runs.count; ++run) {
    const size_t start = facesdk_windows_step(&op->y, &op->x, pitch, run / row_runs, run % row_runs);
    size_t word = 0;
    for (size_t i = 0; i < runs.units; ++i, word += kernel->unit) *unit++ = (uint32_t)(start + word * scale);
    for (; word < runs.words; word += runs.single_words) *single++ = (uint32_t)(start + word * scale);
  }
  return !kernel->distances || make_distances(plan);
}

/* Word `word` of a unit, as a kernel wants it. */
static uint32_t unit_word(const facesdk_bconv2d_kernel *kernel, const uint32_t *unit, size_t word) {
  uint32_t sum = unit[word];
  for (size_t i = word; kernel->sums > 1 && i > 0; --i) sum ^= unit[i - 1];
  return kernel->complemented && word + 1 == kernel->unit ? ~sum : sum;
}

static bool pack_filter(facesdk_bconv2d *op, facesdk_blocked *plan, const uint32_t *filter) {
  const facesdk_bconv2d_kernel *kernel = op->kernel;
  const size_t block = kernel->block, unit = kernel->unit, groups = (size_t)op->options.groups;
  const size_t adjacent = kernel->adjacent > 0 ? kernel->adjacent : block;
  const word_runs runs = runs_of(op);
  plan->blocks = (op->group_channels_out + block - 1) / block;
  plan->block_words = (plan->units * unit + plan->singles * plan->single_words) * block;
  size_t words = plan->block_words;
  if (!facesdk_multiply(&words, plan->blocks) || !facesdk_multiply(&words, groups)) return false;
  plan->filter = facesdk_allocate(words, sizeof(uint32_t));
  if (plan->filter == NULL) return false;

  for (size_t channel = 0; channel < (size_t)op->options.channels_out; ++channel) {
    const size_t group = channel / op->group_channels_out, in_group = channel % op->group_channels_out;
    const size_t in_block = in_group % block;
    const size_t place = in_block / adjacent * unit * adjacent + in_block % adjacent;
    uint32_t *units = plan->filter + (group * plan->blocks + in_group / block) * plan->block_words;
    uint32_t *singles = units + plan->units * unit * block + in_block;
    for (size_t run = 0; run < runs.count; ++run, filter += runs.words) {
      size_t word = 0;
      for (size_t n = 0; n < runs.units; ++n, word += unit, units += unit * block) {
        for (size_t i = 0; i < unit; ++i) units[place + i * adjacent] = unit_word(kernel, filter + word, i);
      }
      for (; word < runs.words; ++word, singles += block) *singles = filter[word];
    }
  }
  return true;
}

/* Counts the set bits of the filter's rows outside of [inside.first, inside.end), for each output channel. */
static int32_t *count_outside(const facesdk_bconv2d *op, facesdk_taps inside, const uint32_t *filter) {
  const size_t row = (size_t)op->x.filter * op->group_words, height = (size_t)op->y.filter;
  int32_t *counts = facesdk_allocate((size_t)op->options.channels_out + FACESDK_CHANNEL_SLACK, sizeof *counts);
  for (size_t c = 0; counts != NULL && c < (size_t)op->options.channels_out; ++c) {
    for (size_t y = 0; y < height; ++y, filter += row) {
      if (y >= (size_t)inside.first && y < (size_t)inside.end) continue;
      for (size_t w = 0; w < row; ++w) counts[c] += __builtin_popcount(filter[w]);
    }
  }
  return counts;
}

static bool make_zones(facesdk_bconv2d *op, facesdk_blocked *plan, const uint32_t *filter) {
  const size_t width = (size_t)op->x.output, taps = (size_t)op->y.filter;
  plan->zones = calloc((size_t)op->y.output, sizeof *plan->zones);
  if (plan->zones == NULL) return false;
  facesdk_taps before = {-1, -1};
  for (int32_t y = 0; y < op->y.output; ++y) {
    const facesdk_taps inside = facesdk_window_taps(&op->y, y);
    if (inside.first != before.first || inside.end != before.end) {
      facesdk_zone *zone = &plan->zones[plan->zone_count++];
      const size_t first = (size_t)inside.first, rows = inside.end > inside.first ? (size_t)(inside.end - inside.first) : 0;
      *zone = (facesdk_zone){.first_pixel = (size_t)y * width,
                             .first_unit = plan->units / taps * first,
                             .units = plan->units / taps * rows,
                             .first_single = plan->singles / taps * first,
                             .singles = plan->singles / taps * rows};
      if (rows < taps) {
        zone->outside = count_outside(op, inside, filter);
        if (zone->outside == NULL) return false;
      }
      before = inside;
    }
    plan->zones[plan->zone_count - 1].end_pixel = ((size_t)y + 1) * width;
  }
  return true;
}

bool facesdk_blocked_is_practical(const facesdk_bconv2d *op) {
  const size_t cell_bytes = op->group_words * (size_t)op->options.groups * sizeof(uint32_t);
  return facesdk_windows_image_is_practical(&op->y, &op->x, op->y.output, cell_bytes);
}

bool facesdk_blocked_prepare(facesdk_bconv2d *op, const uint32_t *filter) {
  facesdk_blocked *plan = op->blocked = calloc(1, sizeof *plan);
  if (plan == NULL) return false;
  plan->scattered_bits = op->options.groups > 1 && op->group_channels_out % 8 != 0;
  return make_image(op, plan) && make_offsets(op, plan) && make_zones(op, plan, filter) &&
         pack_filter(op, plan, filter);
}

void facesdk_blocked_release(facesdk_bconv2d *op) {
  facesdk_blocked *plan = op->blocked;
  if (plan == NULL) return;
  for (size_t i = 0; i < plan->zone_count; ++i) free(plan->zones[i].outside);
  free(plan->zones);
  free(plan->pixels);
  free(plan->steps);
  free(plan->distances);
  free(plan->filter);
  free(plan->image);
  free(plan);
}

/* ---- run ---- */

/* Writes the sums of each of `count` words with none, one, ... of those after it, as if zeros followed. `sums` is a
 * constant wherever this is called. */
static inline __attribute__((always_inline)) void interleave(const uint32_t *restrict words, size_t count, size_t sums, uint32_t *restrict out) {
  size_t i = 0;
  for (; i + sums <= count; ++i) { /* without a condition inside, so that compilers make vectors of it */
    uint32_t sum = 0;
    for (size_t k = 0; k < sums; ++k) out[i * sums + k] = sum ^= words[i + k];
  }
  for (; i < count; ++i) {
    uint32_t sum = 0;
    for (size_t k = 0; k < sums; ++k) out[i * sums + k] = sum ^= i + k < count ? words[i + k] : 0;
  }
}

/* The sums of the padding words before a row with its first words: zeros but for these. */
static void interleave_padding(const uint32_t *words, size_t count, size_t sums, size_t padding, uint32_t *row) {
  for (size_t before = 1; before < sums && before <= padding; ++before) {
    uint32_t sum = 0;
    for (size_t k = before; k < sums; ++k) *(row - before * sums + k) = sum ^= k - before < count ? words[k - before] : 0;
  }
}

static void copy_image(const facesdk_bconv2d *op, const uint32_t *input) {
  const facesdk_blocked *plan = op->blocked;
  const size_t pixel = op->group_words * (size_t)op->options.groups, input_row = (size_t)op->x.input * pixel;
  const size_t sums = op->kernel->sums;
  uint32_t *row = plan->image + plan->image_start;
  for (size_t y = 0; y < plan->rows; ++y, row += plan->image_row, input += input_row) {
    if (sums == 1) {
      memcpy(row, input, plan->columns * sizeof *row);
      continue;
    }
    if (sums == 2) interleave(input, plan->columns, 2, row);
    if (sums == 3) interleave(input, plan->columns, 3, row);
    interleave_padding(input, plan->columns, sums, (size_t)op->x.pad * pixel, row);
  }
}

/* One run's work: tiles of pixels, zone by zone, for each block. */
typedef struct tile_work {
  const facesdk_bconv2d *op;
  const uint32_t *image;
  const float *residual;
  const facesdk_chain *chain;
  char *output;
} tile_work;

static size_t tiles_of(const facesdk_zone *zone, size_t tile) {
  return (zone->end_pixel - zone->first_pixel + tile - 1) / tile;
}

/* Tiles [first, end) of one block. */
static void run_tiles(void *context, size_t block, size_t first, size_t end) {
  const tile_work *w = context;
  const facesdk_bconv2d_kernel *kernel = w->op->kernel;
  for (const facesdk_zone *zone = w->op->blocked->zones; end > 0; ++zone) {
    const size_t tiles = tiles_of(zone, kernel->tile), stop = end < tiles ? end : tiles;
    if (first < stop) {
      const size_t last = zone->first_pixel + stop * kernel->tile;
      kernel->strip(w->op, w->image, block, zone, zone->first_pixel + first * kernel->tile,
                    last < zone->end_pixel ? last : zone->end_pixel, w->residual, w->chain, w->output);
    }
    first = first > tiles ? first - tiles : 0;
    end -= stop;
  }
}

static int32_t useful_threads(const facesdk_bconv2d *op, int32_t threads) {
  if (op->options.output_type == FACESDK_BITS && op->blocked->scattered_bits) return 1;
  const double bits = (double)op->blocked->pixel_count * (double)op->options.channels_out * (double)op->taps *
                      (double)(op->group_words * FACESDK_WORD_BITS);
  return facesdk_pool_worthwhile(bits, MIN_WORK_PER_THREAD, threads);
}

/* Clears the bits of channels that do not exist, which strips leave as they are. */
static void clear_signs(const facesdk_bconv2d *op, const facesdk_chain *chain, size_t pixels) {
  const size_t channels = (size_t)op->options.channels_out, words = facesdk_words(channels);
  for (size_t i = 0; i < chain->count && channels % FACESDK_WORD_BITS != 0; ++i) {
    if (chain->steps[i].kind != FACESDK_STEP_SIGNS) continue;
    memset((uint32_t *)chain->steps[i].output + chain->first_pixel * words, 0, pixels * words * sizeof(uint32_t));
  }
}

void facesdk_blocked_run(const facesdk_bconv2d *op, const uint32_t *input, const float *residual,
                         const facesdk_chain *chain, void *output, int32_t threads) {
  const facesdk_blocked *plan = op->blocked;
  const size_t tile = op->kernel->tile, groups = (size_t)op->options.groups;
  const size_t image_words = (size_t)op->y.input * (size_t)op->x.input * op->group_words * groups;
  const size_t output_bytes = plan->pixel_count * op->pixel_bytes;
  facesdk_chain of_image = chain != NULL ? *chain : (facesdk_chain){0};
  tile_work work = {.op = op, .residual = residual, .chain = chain != NULL ? &of_image : NULL, .output = output};
  size_t tiles = 0;
  for (size_t i = 0; i < plan->zone_count; ++i) tiles += tiles_of(&plan->zones[i], tile);
  threads = useful_threads(op, threads);
  for (int32_t batch = 0; batch < op->options.batch; ++batch) {
    if (plan->image != NULL) copy_image(op, input);
    work.image = plan->image != NULL ? plan->image : input;
    if (chain != NULL) clear_signs(op, &of_image, plan->pixel_count);
    if (op->options.output_type == FACESDK_BITS &&
        (plan->scattered_bits || op->options.channels_out % FACESDK_WORD_BITS != 0)) {
      memset(work.output, 0, output_bytes);
    }
    facesdk_pool_run_rows(run_tiles, &work, plan->blocks * groups, tiles, threads);
    input += image_words;
    of_image.first_pixel += plan->pixel_count;
    if (chain == NULL) work.output += output_bytes;
    if (residual != NULL) work.residual += plan->pixel_count * op->residual_stride;
  }
}
