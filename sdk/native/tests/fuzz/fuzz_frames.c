/* Any bytes as a camera's frame: it is refused in words, or read inside its planes only; then its picture is halved,
 * resized, cut and aligned by any landmarks. */
#include <stdbool.h>
#include <string.h>

#include "check.h"
#include "facesdk_face.h"
#include "fuzz/fuzz.h"

enum { PLANES = 3, PLANE_BYTES = 10, HEADER = 10 + PLANES * PLANE_BYTES, POINTS = 10, SIDE = 112, SMALL = 12 };

static long converted, refused, aligned;

static int32_t number(const uint8_t *at) {
  int32_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

static facesdk_plane plane_of(const uint8_t *header, const uint8_t *samples, size_t size) {
  const size_t start = (size_t)header[8] | (size_t)header[9] << 8, used = start < size ? start : size;
  return (facesdk_plane){samples + used, size - used, number(header), number(header + 4)};
}

/* What a detector and the alignment do with a picture. */
static void use(const facesdk_image *picture, const uint8_t *data, size_t size) {
  facesdk_error error;
  uint8_t *half = allocate(3 * (size_t)((picture->height + 1) / 2) * (size_t)((picture->width + 1) / 2));
  CHECK(facesdk_halve(picture, half, &error) == FACESDK_OK);
  free(half);
  uint8_t small[3 * SMALL * SMALL], crop[3 * SIDE * SIDE];
  CHECK(facesdk_resize_bilinear(picture, small, SMALL, SMALL, &error) == FACESDK_OK);
  float landmarks[POINTS] = {0};
  memcpy(landmarks, data, size < sizeof landmarks ? size : sizeof landmarks);
  if (facesdk_align(picture, landmarks, SIDE, crop, &error) != FACESDK_OK) {
    CHECK(error.message[0] != 0);
    return;
  }
  ++aligned;
  facesdk_crop_measures measures;
  const facesdk_image cut = {crop, SIDE, SIDE, 3 * SIDE};
  CHECK(facesdk_measure_crop(&cut, &measures, &error) == FACESDK_OK);
  CHECK(measures.brightness >= 0 && measures.brightness <= 255 * 256 && measures.dark + measures.bright <= 1 << 16);
  CHECK(measures.pattern >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < HEADER) return 0;
  const bool yuv = data[0] % 2 == 1;
  const int32_t height = number(data + 2), width = number(data + 6), rotation = 45 * (data[1] % 9);
  facesdk_plane planes[PLANES];
  for (int i = 0; i < PLANES; ++i) planes[i] = plane_of(data + 10 + i * PLANE_BYTES, data + HEADER, size - HEADER);
  /* every pixel has a sample of its own, so no picture that is accepted is larger */
  uint8_t *pixels = allocate(3 * size);
  facesdk_error error = {{0}};
  const facesdk_status status = yuv ? facesdk_upright_yuv420(planes, height, width, rotation, pixels, &error)
                                    : facesdk_upright_rgb(planes, height, width, rotation, pixels, &error);
  if (status == FACESDK_OK) {
    ++converted;
    CHECK(rotation % 90 == 0 && height > 0 && width > 0);
    const bool turned = rotation % 180 != 0;
    const int32_t rows = turned ? width : height, columns = turned ? height : width;
    const facesdk_image picture = {pixels, rows, columns, (ptrdiff_t)3 * columns};
    use(&picture, data + HEADER, size - HEADER);
  } else {
    ++refused;
    CHECK(error.message[0] != 0);
  }
  free(pixels);
  return 0;
}

static void write_number(uint8_t *at, int32_t value) { memcpy(at, &value, sizeof value); }

/* A frame of some pixels: RGB with gaps, NV21, or three planes. */
size_t fuzz_seed_input(uint8_t *buffer, uint32_t seed) {
  uint64_t state = seed * 31u + 7;
  memset(buffer, 0, HEADER);
  const bool yuv = seed % 2 == 1, interleaved = seed % 4 == 1;
  const int32_t height = random_between(&state, 1, 14), width = random_between(&state, 1, 14);
  const int32_t half = (width + 1) / 2, rows = (height + 1) / 2, pixel = yuv ? 1 : 3 + (int32_t)(seed / 4 % 2);
  const int32_t row_bytes = pixel * width + (int32_t)(seed / 8 % 3);
  buffer[0] = (uint8_t)yuv;
  buffer[1] = (uint8_t)(2 * random_between(&state, 0, 3));
  write_number(buffer + 2, height);
  write_number(buffer + 6, width);
  int32_t starts[PLANES] = {0, row_bytes * height, 0}, size = row_bytes * height;
  const int32_t chroma_row = interleaved ? 2 * half : half, chroma = chroma_row * rows;
  starts[2] = starts[1] + (interleaved ? 1 : chroma);
  for (int i = 0; i < PLANES; ++i) {
    uint8_t *plane = buffer + 10 + i * PLANE_BYTES;
    write_number(plane, i == 0 ? row_bytes : chroma_row);
    write_number(plane + 4, i == 0 ? pixel : interleaved ? 2 : 1);
    plane[8] = (uint8_t)starts[i];
    plane[9] = (uint8_t)(starts[i] >> 8);
  }
  if (yuv) size += interleaved ? chroma : 2 * chroma;
  for (int32_t i = 0; i < size; ++i) buffer[HEADER + i] = (uint8_t)random_u32(&state);
  if (size >= (int32_t)(POINTS * sizeof(float))) { /* landmarks within the picture */
    for (int i = 0; i < POINTS; ++i) {
      const float value = (float)random_between(&state, 0, 14000) / 1000;
      memcpy(buffer + HEADER + (size_t)i * sizeof value, &value, sizeof value);
    }
  }
  return (size_t)(HEADER + size);
}

void fuzz_finish(void) { CHECK(converted > 0 && refused > 0 && aligned > 0); }
