/* Suppression, alignment, and the cascade with networks that say anything: no result is wrong in kind, no memory is read that
 * is not there. That the faces are Python's is tested from Python (tests/native/test_face_abi.py). */
#include "check.h"
#include "facesdk_face.h"

#include <float.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static float odd(uint64_t *state) {
  static const float ODD[] = {0, -0.0f, 1e30f, -1e30f, FLT_MAX, -FLT_MAX, FLT_MIN, 1e-40f};
  switch (random_between(state, 0, 3)) {
    case 0: return ODD[random_between(state, 0, 7)];
    case 1: return __builtin_nanf("");
    case 2: return __builtin_inff();
    default: return -__builtin_inff();
  }
}

static float anything(uint64_t *state) {
  return random_between(state, 0, 499) == 0 ? odd(state) : (float)random_between(state, -2000, 2000) / 1000;
}

typedef struct oracle {
  uint64_t state;
  float *values, *maps;
  bool odd;
  int32_t fails_at, calls;
} oracle;

static facesdk_status run(void *context, facesdk_mtcnn_network network, const uint8_t *pixels, int32_t count,
                          int32_t height, int32_t width, const float **values, size_t *value_count,
                          facesdk_error *error) {
  oracle *self = context;
  if (self->calls++ == self->fails_at) {
    strcpy(error->message, "the network fails");
    return FACESDK_UNKNOWN_ISA;
  }
  unsigned sum = 0; /* every byte can be read */
  for (size_t i = 0; i < 3 * (size_t)count * (size_t)height * (size_t)width; ++i) sum += pixels[i];
  CHECK(sum < UINT32_MAX);
  CHECK(network == FACESDK_PNET ? count == 1 : count == 16 || count == 4 || count == 1);
  const size_t windows = network == FACESDK_PNET ? (size_t)((height - 12) / 2 + 1) * (size_t)((width - 12) / 2 + 1)
                                                 : (size_t)count;
  *value_count = windows * (network == FACESDK_ONET ? 15 : 5);
  free(self->values);
  self->values = allocate(*value_count * sizeof(float));
  for (size_t i = 0; i < *value_count; ++i) {
    self->values[i] = self->odd ? anything(&self->state) : (float)random_between(&self->state, -900, 1100) / 1000;
  }
  *values = self->values;
  return FACESDK_OK;
}

/* A finder that gives anything, or plausible cells. */
static facesdk_status look(void *context, const uint8_t *pixels, int32_t height, int32_t width,
                           const float *maps[FACESDK_FINDER_MAPS], size_t counts[FACESDK_FINDER_MAPS],
                           facesdk_error *error) {
  oracle *self = context;
  if (self->calls++ == self->fails_at) {
    strcpy(error->message, "the network fails");
    return FACESDK_UNKNOWN_ISA;
  }
  unsigned sum = 0; /* every byte can be read */
  for (size_t i = 0; i < 3 * (size_t)height * (size_t)width; ++i) sum += pixels[i];
  CHECK(sum < UINT32_MAX && height % 32 == 0 && width % 32 == 0 && height <= 640 && width <= 640);
  size_t size = 0;
  for (int k = 0; k < FACESDK_FINDER_MAPS; ++k) {
    const int32_t stride = 8 << k;
    counts[k] = FACESDK_FINDER_COLUMNS * (size_t)(height / stride) * (size_t)(width / stride);
    size += counts[k];
  }
  free(self->maps);
  self->maps = allocate(size * sizeof(float));
  for (size_t i = 0; i < size; ++i) {
    self->maps[i] = self->odd ? anything(&self->state) : (float)random_between(&self->state, -2500, 1000) / 1000;
  }
  maps[0] = self->maps;
  for (int k = 1; k < FACESDK_FINDER_MAPS; ++k) maps[k] = maps[k - 1] + counts[k - 1];
  return FACESDK_OK;
}

static facesdk_status by_cascade(oracle *self, const facesdk_image *photo, int32_t min_face, int32_t max_faces,
                                 facesdk_face **faces, size_t *count, facesdk_error *error) {
  const facesdk_mtcnn_networks networks = {self, run};
  return facesdk_mtcnn_detect(&networks, photo, min_face, max_faces, faces, count, error);
}

static facesdk_status by_finder(oracle *self, const facesdk_image *photo, int32_t min_face, int32_t max_faces,
                                facesdk_face **faces, size_t *count, facesdk_error *error) {
  const facesdk_finder finder = {{self, run}, look, 0.6, -0.57536414f, 30};
  return facesdk_finder_detect(&finder, photo, min_face, max_faces, faces, count, error);
}

static void test_detector(facesdk_status (*detect)(oracle *, const facesdk_image *, int32_t, int32_t, facesdk_face **,
                                                   size_t *, facesdk_error *),
                          bool odd) {
  size_t found = 0, refused = 0;
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    oracle self = {seed * 7919, NULL, NULL, odd, seed % 10 == 0 ? (int32_t)(seed % 7) : -1, 0};
    const int32_t height = random_between(&self.state, 1, 90), width = random_between(&self.state, 1, 300);
    uint8_t *pixels = allocate(3 * (size_t)height * (size_t)width);
    for (size_t i = 0; i < 3 * (size_t)height * (size_t)width; ++i) pixels[i] = (uint8_t)random_u32(&self.state);
    const facesdk_image photo = {pixels, height, width, (ptrdiff_t)3 * width};
    const int32_t max_faces = random_between(&self.state, 0, 3);
    facesdk_face *faces = NULL;
    size_t count = 0;
    facesdk_error error = {{0}};
    const facesdk_status status = detect(&self, &photo, random_between(&self.state, 12, 40), max_faces, &faces, &count, &error);
    if (status == FACESDK_OK) {
      CHECK(max_faces == 0 || count <= (size_t)max_faces);
      CHECK((faces == NULL) == (count == 0));
      for (size_t i = 0; i < count; ++i) CHECK(faces[i].score > 0.6 && faces[i].score <= 1);
    } else {
      CHECK(faces == NULL && count == 0 && error.message[0] != 0);
    }
    found += count;
    refused += status != FACESDK_OK;
    facesdk_faces_destroy(faces);
    free(self.values);
    free(self.maps);
    free(pixels);
  }
  CHECK(found > 50 && refused > 5);
}

static void test_alignment(void) {
  uint64_t state = 3;
  uint8_t pixels[3 * 20 * 30], crop[3 * 112 * 112];
  const facesdk_image photo = {pixels, 20, 30, 90};
  for (size_t i = 0; i < sizeof pixels; ++i) pixels[i] = (uint8_t)random_u32(&state);
  int made = 0;
  for (int i = 0; i < 1000; ++i) {
    float landmarks[10];
    for (int k = 0; k < 10; ++k) {
      landmarks[k] = i % 2 == 0 ? anything(&state) : (float)random_between(&state, -3000, 30000) / 1000;
    }
    if (i % 20 == 0) landmarks[random_between(&state, 0, 9)] = odd(&state);
    facesdk_error error = {{0}};
    const facesdk_status status = facesdk_align(&photo, landmarks, i % 3 == 0 ? 96 : 112, crop, &error);
    CHECK(status == FACESDK_OK || error.message[0] != 0);
    made += status == FACESDK_OK;
  }
  CHECK(made > 333);
  const float straight[10] = {38.2946f, 51.6963f, 73.5318f, 51.5014f, 56.0252f, 71.7366f, 41.5493f, 92.3655f, 70.7299f, 92.2041f};
  CHECK(facesdk_align(&photo, straight, 100, crop, NULL) == FACESDK_INVALID_ARGUMENT);
  CHECK(facesdk_align(&photo, straight, 112, crop, NULL) == FACESDK_OK);
  CHECK(memcmp(crop, pixels, 3 * 20) == 0); /* the template itself: every pixel stays where it is */
}

static void test_suppression(void) {
  const double boxes[] = {0, 0, 10, 10, 1, 1, 11, 11, 20, 20, 30, 30, 2, 2, 4, 4}, scores[] = {1, 3, 2, 2};
  size_t kept[4], count = 9;
  CHECK(facesdk_suppress(boxes, scores, 4, 0.5, 0, kept, &count, NULL) == FACESDK_OK);
  CHECK(count == 3 && kept[0] == 1 && kept[1] == 2 && kept[2] == 3);
  CHECK(facesdk_suppress(boxes, scores, 4, 0.5, 1, kept, &count, NULL) == FACESDK_OK);
  CHECK(count == 2 && kept[0] == 1 && kept[1] == 2);
  CHECK(facesdk_suppress(NULL, NULL, 0, 0.5, 0, NULL, &count, NULL) == FACESDK_OK && count == 0);
}

int main(void) {
  test_suppression();
  test_alignment();
  test_detector(by_cascade, false);
  test_detector(by_cascade, true);
  test_detector(by_finder, false);
  test_detector(by_finder, true);
  return 0;
}
