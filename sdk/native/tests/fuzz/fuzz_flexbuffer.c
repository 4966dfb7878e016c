/* Any bytes into the FlexBuffer reader: it must answer, and read inside the buffer only. */
#include "check.h"
#include "fuzz/fuzz.h"
#include "tflite/flexbuffer.h"
#include "tflite/flexbuffer_writer.h"

static long opened, refused, found;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  flexbuffer_map map;
  if (flexbuffer_map_open(&map, data, size) != FLEXBUFFER_OK) {
    ++refused;
    return 0;
  }
  ++opened;
  static const char *const keys[] = {"channels_in", "padding", "stride_width", "filter_height", ""};
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; ++i) {
    int64_t value;
    found += flexbuffer_map_integer(&map, keys[i], &value) == FLEXBUFFER_OK;
  }
  return 0;
}

size_t fuzz_seed_input(uint8_t *buffer, uint32_t number) {
  const int log2_width = (int)(number >> 1 & 3);
  return number & 1 ? write_bconv2d_options(buffer, 64, 0, 1, log2_width) : write_bmaxpool2d_options(buffer, log2_width);
}

void fuzz_finish(void) { CHECK(opened > 0 && refused > 0 && found > 0); }
