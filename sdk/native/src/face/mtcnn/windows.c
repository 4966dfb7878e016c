/* Windows cut out of a photo, for the networks that look at one candidate each; facesdk/detection/mtcnn/windows.py. */
#include <stdbool.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "face/mtcnn/search.h"
#include "face/picture.h"

/* Networks run on so many windows at a time, so that they see few different shapes. */
static const size_t BATCHES[] = {16, 4, 1};
enum { MOST = 16 };

/* The largest whole number not above it; the value must be within FACESDK_MAX_REACH. */
static double floor_of(double value) {
  const double whole = (double)(int32_t)value;
  return whole - (whole > value);
}

/* Rounds a box to whole pixels of the halving that it is cut from. False if none is left; then it is skipped. */
static facesdk_status round_box(const facesdk_box *box, int32_t side, facesdk_box *whole, int32_t *halvings,
                                bool *cuttable, facesdk_error *error) {
  const double edges[4] = {box->left, box->top, box->right, box->bottom};
  double rounded[4];
  *cuttable = true;
  for (int i = 0; i < 4; ++i) *cuttable = *cuttable && edges[i] == edges[i]; /* a network may give anything */
  if (!*cuttable) return FACESDK_OK;
  for (int i = 0; i < 4; ++i) {
    if (!(edges[i] >= -FACESDK_MAX_REACH && edges[i] <= FACESDK_MAX_REACH)) {
      return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "boxes must lie within %d pixels of the photo's corner",
                          FACESDK_MAX_REACH);
    }
  }
  const double longer = facesdk_box_side(box);
  *halvings = facesdk_halvings_for((double)FACESDK_OVERSAMPLING * side / (longer > 1 ? longer : 1));
  const double pixel = (double)((int32_t)1 << *halvings);
  for (int i = 0; i < 4; ++i) rounded[i] = floor_of(edges[i] / pixel) * pixel;
  *whole = (facesdk_box){rounded[0], rounded[1], rounded[2], rounded[3]};
  *cuttable = whole->right > whole->left && whole->bottom > whole->top;
  return FACESDK_OK;
}

static facesdk_status cut(facesdk_search *search, const facesdk_box *whole, int32_t halvings, int32_t side,
                          uint8_t *window, facesdk_error *error) {
  const facesdk_image *image = NULL;
  const facesdk_region region = {(int32_t)whole->left, (int32_t)whole->top, (int32_t)(whole->right - whole->left),
                                 (int32_t)(whole->bottom - whole->top), halvings};
  const facesdk_status status = facesdk_halvings_get(&search->photo, halvings, &image, error);
  if (status != FACESDK_OK) return status;
  return facesdk_cut_windows(image, &region, 1, FACESDK_MTCNN_BLANK, window, side, error);
}

typedef struct waiting_boxes {
  facesdk_box boxes[MOST];
  int32_t halvings[MOST];
  size_t count;
} waiting_boxes;

/* Classifies `size` boxes of those that wait, from `first` on. */
static facesdk_status run_batch(facesdk_search *search, facesdk_mtcnn_network network, int32_t side, float logit,
                                const waiting_boxes *batch, size_t first, size_t size, uint8_t *pixels,
                                facesdk_candidates *passed, facesdk_error *error) {
  const size_t columns = network == FACESDK_ONET ? FACESDK_MTCNN_COLUMNS : 5;
  const size_t window = FACESDK_CHANNELS * (size_t)side * (size_t)side;
  facesdk_status status = FACESDK_OK;
  for (size_t i = 0; i < size && status == FACESDK_OK; ++i) {
    status = cut(search, &batch->boxes[first + i], batch->halvings[first + i], side, pixels + i * window, error);
  }
  const float *values = NULL;
  if (status == FACESDK_OK) {
    status = facesdk_search_run(search, network, pixels, (int32_t)size, side, side, size * columns, &values, error);
  }
  for (size_t i = 0; i < size && status == FACESDK_OK; ++i, values += columns) {
    if (values[0] >= logit) {
      status = facesdk_candidates_add(passed, &batch->boxes[first + i], values, columns, error);
    }
  }
  return status;
}

static facesdk_status flush(facesdk_search *search, facesdk_mtcnn_network network, int32_t side, float logit,
                            waiting_boxes *batch, uint8_t *pixels, facesdk_candidates *passed, facesdk_error *error) {
  facesdk_status status = FACESDK_OK;
  for (size_t done = 0, size = 0; done < batch->count && status == FACESDK_OK; done += size) {
    size_t choice = 0;
    while (BATCHES[choice] > batch->count - done) ++choice;
    size = BATCHES[choice];
    status = run_batch(search, network, side, logit, batch, done, size, pixels, passed, error);
  }
  batch->count = 0;
  return status;
}

facesdk_status facesdk_search_classify(facesdk_search *search, facesdk_mtcnn_network network, int32_t side,
                                       float logit, const facesdk_candidates *boxes, facesdk_candidates *passed,
                                       facesdk_error *error) {
  uint8_t *pixels = facesdk_allocate(MOST, FACESDK_CHANNELS * (size_t)side * (size_t)side);
  if (pixels == NULL) return facesdk_fail(error, FACESDK_OUT_OF_MEMORY, "no memory for windows of a photo");
  waiting_boxes waiting = {.count = 0};
  facesdk_status status = FACESDK_OK;
  for (size_t i = 0; i < boxes->count && status == FACESDK_OK; ++i) {
    bool cuttable = false;
    status = round_box(&boxes->rows[i].box, side, &waiting.boxes[waiting.count], &waiting.halvings[waiting.count],
                       &cuttable, error);
    waiting.count += cuttable;
    if (waiting.count == MOST && status == FACESDK_OK) {
      status = flush(search, network, side, logit, &waiting, pixels, passed, error);
    }
  }
  if (status == FACESDK_OK) status = flush(search, network, side, logit, &waiting, pixels, passed, error);
  free(pixels);
  return status;
}
