/* Windows of small images against what counting their cells gives, and the largest ones, whose sizes pass 32 bits. */
#include <stdbool.h>
#include <string.h>

#include "base/memory.h"
#include "base/packing.h"
#include "base/window.h"
#include "check.h"

enum { ROUNDS = 3000 };

/* Smallest and largest cell under the windows at `positions` positions. */
static void cells_under(const facesdk_window *w, int32_t positions, int64_t *first, int64_t *last) {
  *first = INT64_MAX;
  *last = INT64_MIN;
  for (int32_t position = 0; position < positions; ++position) {
    for (int32_t tap = 0; tap < w->filter; ++tap) {
      const int64_t cell = facesdk_window_cell(w, position, tap);
      *first = cell < *first ? cell : *first;
      *last = cell > *last ? cell : *last;
    }
  }
}

static void check_axis(const facesdk_window *w, int32_t padding) {
  int64_t first, last;
  cells_under(w, w->output, &first, &last);
  CHECK(first == -w->pad && last - first + 1 == facesdk_window_span(w, w->output));
  const int64_t dilated = (int64_t)(w->filter - 1) * w->dilation + 1, before = -first, after = last - (w->input - 1);
  if (padding == FACESDK_VALID) { /* every window inside, and no room for one more */
    CHECK(before == 0 && after <= 0 && (int64_t)w->output * w->stride + dilated > w->input);
  } else { /* as many windows as strides begin in the input; the padding in halves, the larger one after it */
    CHECK((w->output - 1) * w->stride < w->input && w->output * w->stride >= w->input);
    CHECK(after < 0 ? before == 0 : after == before || after == before + 1);
  }
  int64_t copied = 0;
  for (int64_t cell = first; cell <= last; ++cell) copied += facesdk_window_inside(w, cell);
  CHECK(copied == facesdk_window_spanned_input(w));
  for (int32_t position = 0; position < w->output; ++position) {
    const facesdk_taps taps = facesdk_window_taps(w, position);
    for (int32_t tap = 0; tap < w->filter; ++tap) {
      CHECK((tap >= taps.first && tap < taps.end) == facesdk_window_inside(w, facesdk_window_cell(w, position, tap)));
    }
    cells_under(w, position + 1, &first, &last);
    CHECK(facesdk_window_span(w, position + 1) == last - first + 1);
  }
}

/* A position's offset and a step lead to the cell that facesdk_window_cell() names. */
static void check_offsets(const facesdk_window *y, const facesdk_window *x, uint64_t *seed) {
  const facesdk_pitch pitch = {(size_t)random_between(seed, 100, 999), (size_t)random_between(seed, 1, 9)};
  const int32_t row = random_between(seed, 0, y->output - 1), column = random_between(seed, 0, x->output - 1);
  const int32_t tap_row = random_between(seed, 0, y->filter - 1), tap_column = random_between(seed, 0, x->filter - 1);
  const size_t offset = facesdk_windows_position(y, x, pitch, (size_t)row, (size_t)column) +
                        facesdk_windows_step(y, x, pitch, (size_t)tap_row, (size_t)tap_column);
  const int64_t cell_y = facesdk_window_cell(y, row, tap_row) + y->pad;
  const int64_t cell_x = facesdk_window_cell(x, column, tap_column) + x->pad;
  CHECK(offset == (size_t)cell_y * pitch.row + (size_t)cell_x * pitch.cell);
}

static void small_images(void) {
  uint64_t seed = 77;
  int refused = 0;
  for (int round = 0; round < ROUNDS; ++round) {
    facesdk_window_options options = {.padding = random_between(&seed, FACESDK_SAME, FACESDK_VALID)};
    for (int axis = 0; axis < 2; ++axis) {
      options.input[axis] = random_between(&seed, 1, 12);
      options.filter[axis] = random_between(&seed, 1, 5);
      options.stride[axis] = random_between(&seed, 1, 4);
      options.dilation[axis] = random_between(&seed, 1, 4);
    }
    facesdk_window y, x;
    bool fits = true;
    for (int axis = 0; axis < 2; ++axis) {
      fits &= options.padding == FACESDK_SAME ||
              (options.filter[axis] - 1) * options.dilation[axis] < options.input[axis];
    }
    CHECK((facesdk_windows_init(&y, &x, &options, NULL) == FACESDK_OK) == fits);
    refused += !fits;
    if (!fits) continue;
    check_axis(&y, options.padding);
    check_axis(&x, options.padding);
    check_offsets(&y, &x, &seed);
    int32_t shape[4];
    facesdk_windows_shape(&y, &x, 3, 5, shape);
    CHECK(shape[0] == 3 && shape[1] == y.output && shape[2] == x.output && shape[3] == 5);
  }
  CHECK(refused > ROUNDS / 10 && refused < ROUNDS / 2);
}

static void wrong_sizes(void) {
  const facesdk_window_options good = {{4, 4}, {3, 3}, {1, 1}, {1, 1}, FACESDK_VALID};
  facesdk_window y, x;
  facesdk_error error;
  facesdk_window_options options = good;
  options.stride[1] = FACESDK_MAX_SPATIAL + 1;
  CHECK(facesdk_windows_init(&y, &x, &options, &error) == FACESDK_INVALID_ARGUMENT);
  CHECK(strcmp(error.message, "stride width must be in 1..65536, but got 65537") == 0);
  options = good;
  options.padding = 7;
  CHECK(facesdk_windows_init(&y, &x, &options, &error) == FACESDK_INVALID_ARGUMENT);
  CHECK(strcmp(error.message, "padding must be 0 (SAME) or 1 (VALID), but got 7") == 0);
  options = good;
  options.dilation[0] = 2;
  CHECK(facesdk_windows_init(&y, &x, &options, &error) == FACESDK_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "the dilated filter height (5) must not exceed the input height (4)") != NULL);
}

static void limits(void) {
  const int32_t most = FACESDK_MAX_SPATIAL;
  const facesdk_window_options options = {{1, most}, {1, most}, {1, 1}, {1, most}, FACESDK_SAME};
  facesdk_window y, x;
  facesdk_error error;
  CHECK(facesdk_windows_init(&y, &x, &options, NULL) == FACESDK_OK);
  CHECK(facesdk_window_span(&x, x.output) == ((int64_t)1 << 32)); /* 0 in 32 bits */
  CHECK(!facesdk_windows_image_is_practical(&y, &x, 1, 1));

  /* 16384 pixels of 65536 bytes are 1 GiB; sizes of a pixel may pass 32 bits. */
  const facesdk_window_options square = {{128, 128}, {1, 1}, {1, 1}, {1, 1}, FACESDK_VALID};
  CHECK(facesdk_windows_init(&y, &x, &square, NULL) == FACESDK_OK);
  CHECK(facesdk_windows_check_images(&y, &x, 1, 65536, 65536, NULL) == FACESDK_OK);
  CHECK(facesdk_windows_check_images(&y, &x, 2, 65536, 1, NULL) == FACESDK_INVALID_ARGUMENT);
  CHECK(facesdk_windows_check_images(&y, &x, 1, 1, 65537, NULL) == FACESDK_INVALID_ARGUMENT);
  CHECK(facesdk_windows_check_images(&y, &x, 1, 1, (uint64_t)1 << 32, &error) == FACESDK_INVALID_ARGUMENT);
  CHECK(strcmp(error.message, "the input or output is larger than 1 GiB") == 0);

  size_t words;
  CHECK(facesdk_windows_check_filters(&y, &x, 70, 9, 96, &words, NULL) == FACESDK_OK && words == 3);
  CHECK(facesdk_windows_check_filters(&y, &x, 70, 9, 95, &words, &error) == FACESDK_INVALID_ARGUMENT);
  CHECK(strcmp(error.message, "a 1 x 1 filter over 70 channels is too large") == 0);
  CHECK(facesdk_windows_check_filters(&y, &x, 32, 1 << 28, 32, &words, NULL) == FACESDK_OK);
  CHECK(facesdk_windows_check_filters(&y, &x, 32, (1 << 28) + 1, 32, &words, &error) == FACESDK_INVALID_ARGUMENT);
  CHECK(strcmp(error.message, "the filter is larger than 1 GiB") == 0);
}

/* An image of 8 times the input and 1 MiB is practical, one more row is not. */
static void practical_images(void) {
  const int32_t rows[] = {8, 9};
  for (int i = 0; i < 2; ++i) {
    const facesdk_window y = {.input = 1, .filter = 1, .stride = 1, .dilation = 1, .output = rows[i] + 1};
    const facesdk_window x = {.input = 1024, .filter = 1, .stride = 1, .dilation = 1, .output = 1024};
    CHECK(facesdk_windows_image_is_practical(&y, &x, y.output, 1024) == (i == 0));
  }
}

static void zeroed_memory(void) {
  const size_t counts[] = {0, 1, 1000};
  for (size_t i = 0; i < 3; ++i) {
    uint8_t *memory = facesdk_allocate(counts[i], 3);
    CHECK(memory != NULL && (uintptr_t)memory % FACESDK_CACHE_LINE == 0);
    for (size_t j = 0; j < 3 * counts[i]; ++j) CHECK(memory[j] == 0);
    free(memory);
  }
  CHECK(facesdk_allocate(FACESDK_MAX_TENSOR_BYTES / 4 + 1, 4) == NULL);
}

int main(void) {
  small_images();
  wrong_sizes();
  limits();
  practical_images();
  zeroed_memory();
  return 0;
}
