#include "engine.h"

#include <stdlib.h>
#include <string.h>

#include "recognizer.h"

enum { LEAST_FACE = 12, MOST_THREADS = 64, CHANNELS = 3, FINDER_SIDE = 160 };

typedef struct finder_kind finder_kind;

/* How a network wants pixels. */
typedef struct pixel_form {
  float mean, scale;
  bool bgr;
} pixel_form;

struct engine {
  network detector[ENGINE_RECOGNIZER];
  const finder_kind *kind; /* NULL for MTCNN */
  pixel_form finder_pixels;
  recognizer recognizer;
  contract contract;
  char names[ENGINE_NETWORKS][ENGINE_NAME];
  int32_t min_face;
  model_bytes recognizer_file; /* the network's copy */
  recording *recording;
};

/* A network of MTCNN: what its contract must call it, its input in the file, and how many numbers each window gets. */
typedef struct part {
  const char *architecture;
  int32_t side, columns;
} part;

static const part PARTS[] = {{"MTCNN P-Net", 12, 5}, {"MTCNN R-Net", 24, 5}, {"MTCNN O-Net", 48, 15}};

/* What is known of a finder by measurement; facesdk/detection/one_stage/finder.py. */
struct finder_kind {
  const char *architecture;
  double score, sees_from;
  float least_logit; /* log(score^2 / (1 - score^2)) */
};

static const finder_kind KINDS[] = {{"YuNet", 0.6, 30, -0.57536414f}, {"Finder", 0.5, 20, -1.09861229f}};

static bool has_architecture(model_bytes file, const char *name, const char *architecture, failure *failure) {
  contract said;
  bool right = contract_read(&said, file, name, failure);
  if (right && strcmp(said.architecture, architecture) != 0) {
    right = fail(failure, FAILURE_MODEL, "%s is %s, but %s is needed", name, said.architecture, architecture);
  }
  contract_free(&said);
  return right;
}

/* Runs once on the shape of its file: a network that cannot be used is found before the first photo. */
static bool open_part(network *self, const runtime *lite, const part *part, model_bytes file, const char *name,
                      int32_t threads, failure *failure) {
  if (!has_architecture(file, name, part->architecture, failure) ||
      !network_open(self, lite, name, file.start, file.size, threads, false, failure)) {
    return false;
  }
  const network_run *run = network_for(self, (network_shape){1, part->side, part->side}, failure);
  if (run == NULL) return false;
  const void *input = network_input(self, run), *output = network_output(self, run, 0);
  if (lite->TensorType(input) != RUNTIME_FLOAT32 || lite->TensorType(output) != RUNTIME_FLOAT32 ||
      lite->TensorByteSize(output) != (size_t)part->columns * sizeof(float)) {
    return fail(failure, FAILURE_MODEL, "%s must have outputs of %d columns", name, (int)part->columns);
  }
  return true;
}

/* Reads what kind of finder it is. */
static bool find_kind(engine *self, model_bytes file, const char *name, failure *failure) {
  contract said;
  bool right = contract_read(&said, file, name, failure);
  for (size_t i = 0; right && i < sizeof KINDS / sizeof *KINDS; ++i) {
    if (strcmp(said.architecture, KINDS[i].architecture) == 0) self->kind = &KINDS[i];
  }
  if (right && self->kind == NULL) {
    right = fail(failure, FAILURE_MODEL, "%s is %s, which is no finder: YuNet, Finder would be one", name,
                 said.architecture);
  }
  if (right) self->finder_pixels = (pixel_form){said.mean, said.scale, said.bgr};
  contract_free(&said);
  return right;
}

static bool open_finder(engine *self, const runtime *lite, model_bytes file, int32_t threads, failure *failure) {
  network *finder = &self->detector[ENGINE_FINDER];
  const char *name = self->names[ENGINE_FINDER];
  if (!find_kind(self, file, name, failure) ||
      !network_open(finder, lite, name, file.start, file.size, threads, false, failure)) {
    return false;
  }
  finder->outputs = FACESDK_FINDER_MAPS;
  const network_run *run = network_for(finder, (network_shape){1, FINDER_SIDE, FINDER_SIDE}, failure);
  if (run == NULL) return false;
  bool right = lite->TensorType(network_input(finder, run)) == RUNTIME_FLOAT32;
  for (int32_t i = 0; i < FACESDK_FINDER_MAPS; ++i) {
    const void *output = network_output(finder, run, i);
    const int32_t dims = lite->TensorNumDims(output);
    right = right && dims > 0 && lite->TensorDim(output, dims - 1) == FACESDK_FINDER_COLUMNS &&
            lite->TensorType(output) == RUNTIME_FLOAT32;
  }
  return right || fail(failure, FAILURE_MODEL, "%s must have outputs of 16, 16, 16 columns", name);
}

static bool open_all(engine *self, const model_bytes models[ENGINE_NETWORKS], int32_t threads, failure *failure) {
  const runtime *lite = runtime_find(failure);
  if (lite == NULL) return false;
  const bool finds = models[ENGINE_FINDER].start != NULL;
  for (int i = finds ? ENGINE_ONET : ENGINE_PNET; i <= ENGINE_ONET; ++i) {
    if (!open_part(&self->detector[i], lite, &PARTS[i], models[i], self->names[i], threads, failure)) return false;
  }
  if (finds && !open_finder(self, lite, models[ENGINE_FINDER], threads, failure)) return false;
  const model_bytes file = models[ENGINE_RECOGNIZER];
  const char *name = self->names[ENGINE_RECOGNIZER];
  return contract_read(&self->contract, file, name, failure) && contract_recognizes(&self->contract, name, failure) &&
         recognizer_open(&self->recognizer, lite, &self->contract, file, name, threads, failure) &&
         (self->recognizer_file = (model_bytes){self->recognizer.network.content, file.size}, true);
}

engine *engine_open(const model_bytes models[ENGINE_NETWORKS], const char *const names[ENGINE_NETWORKS],
                    int32_t min_face, int32_t threads, failure *failure) {
  if (min_face < LEAST_FACE) {
    (void)fail(failure, FAILURE_INPUT, "min_face must be at least %d, but got %d", LEAST_FACE, (int)min_face);
    return NULL;
  }
  if (threads < 1 || threads > MOST_THREADS) {
    (void)fail(failure, FAILURE_INPUT, "threads must be 1 to %d, but got %d", MOST_THREADS, (int)threads);
    return NULL;
  }
  engine *self = calloc(1, sizeof *self);
  if (self == NULL) {
    (void)fail(failure, FAILURE_MEMORY, "no memory for an engine");
    return NULL;
  }
  self->min_face = min_face;
  for (int i = 0; i < ENGINE_NETWORKS; ++i) {
    if (names[i] == NULL) continue;
    const size_t length = strlen(names[i]), kept = length < ENGINE_NAME ? length : ENGINE_NAME - 1;
    memcpy(self->names[i], names[i], kept);
  }
  if (open_all(self, models, threads, failure)) return self;
  engine_close(self);
  return NULL;
}

void engine_close(engine *self) {
  if (self == NULL) return;
  recording_free(engine_stop_recording(self));
  for (int i = 0; i < ENGINE_RECOGNIZER; ++i) network_close(&self->detector[i]);
  recognizer_close(&self->recognizer);
  contract_free(&self->contract);
  free(self);
}

static void set_recording(engine *self, recording *recording) {
  self->recording = recording;
  for (int i = 0; i < ENGINE_RECOGNIZER; ++i) {
    self->detector[i].recording = recording;
    self->detector[i].number = i;
  }
  self->recognizer.network.recording = recording;
  self->recognizer.network.number = ENGINE_RECOGNIZER;
}

bool engine_record(engine *self, failure *failure) {
  recording *made = recording_start(failure);
  if (made != NULL) set_recording(self, made);
  return made != NULL;
}

recording *engine_stop_recording(engine *self) {
  recording *made = self->recording;
  if (made != NULL) recording_stop(made);
  set_recording(self, NULL);
  return made;
}

void engine_operator_name(const engine *self, int32_t node, char name[MODEL_OPERATOR_NAME]) {
  model_operator_name(self->recognizer_file, node, name);
}

const contract *engine_contract(const engine *self) { return &self->contract; }

/* What the detectors call back with. */
typedef struct detection {
  engine *engine;
  failure *failure;
} detection;

static facesdk_status run_part(void *context, facesdk_mtcnn_network which, const uint8_t *pixels, int32_t count,
                               int32_t height, int32_t width, const float **values, size_t *value_count,
                               facesdk_error *error) {
  (void)error; /* the failure has another kind than a status can say */
  const detection *now = context;
  network *self = &now->engine->detector[which];
  network_run *run = network_for(self, (network_shape){count, height, width}, now->failure);
  if (run == NULL) return FACESDK_INVALID_ARGUMENT;
  float *input = self->lite->TensorData(network_input(self, run));
  const size_t size = (size_t)count * (size_t)height * (size_t)width * CHANNELS;
  for (size_t i = 0; i < size; ++i) input[i] = pixels[i];
  if (!network_invoke(self, run, now->failure)) return FACESDK_INVALID_ARGUMENT;
  const void *output = network_output(self, run, 0);
  *values = self->lite->TensorData(output);
  *value_count = self->lite->TensorByteSize(output) / sizeof(float);
  return FACESDK_OK;
}

static facesdk_status run_finder(void *context, const uint8_t *pixels, int32_t height, int32_t width,
                                 const float *maps[FACESDK_FINDER_MAPS], size_t counts[FACESDK_FINDER_MAPS],
                                 facesdk_error *error) {
  (void)error;
  const detection *now = context;
  network *self = &now->engine->detector[ENGINE_FINDER];
  const pixel_form form = now->engine->finder_pixels;
  network_run *run = network_for(self, (network_shape){1, height, width}, now->failure);
  if (run == NULL) return FACESDK_INVALID_ARGUMENT;
  float *input = self->lite->TensorData(network_input(self, run));
  const size_t size = (size_t)height * (size_t)width * CHANNELS;
  for (size_t i = 0; i < size; ++i) {
    const uint8_t level = pixels[form.bgr ? i + 2 - 2 * (i % CHANNELS) : i];
    input[i] = ((float)level - form.mean) / form.scale;
  }
  if (!network_invoke(self, run, now->failure)) return FACESDK_INVALID_ARGUMENT;
  for (int32_t i = 0; i < FACESDK_FINDER_MAPS; ++i) {
    const void *output = network_output(self, run, i);
    maps[i] = self->lite->TensorData(output);
    counts[i] = self->lite->TensorByteSize(output) / sizeof(float);
  }
  return FACESDK_OK;
}

bool engine_detect(engine *self, const facesdk_image *photo, int32_t max_faces, facesdk_face **faces, size_t *count,
                   failure *failure) {
  detection now = {self, failure};
  const facesdk_mtcnn_networks networks = {&now, run_part};
  facesdk_error error = {{0}};
  const finder_kind *kind = self->kind;
  if (kind == NULL) {
    return check_status(failure, facesdk_mtcnn_detect(&networks, photo, self->min_face, max_faces, faces, count, &error),
                        &error);
  }
  const facesdk_finder finder = {networks, run_finder, kind->score, kind->least_logit, kind->sees_from};
  const facesdk_status status =
      facesdk_finder_detect(&finder, photo, self->min_face, max_faces, faces, count, &error);
  return check_status(failure, status, &error);
}

bool engine_align(const engine *self, const facesdk_image *photo, const float landmarks[10], uint8_t *crop,
                  failure *failure) {
  facesdk_error error;
  return check_status(failure, facesdk_align(photo, landmarks, self->contract.template_width, crop, &error), &error);
}

bool engine_embed(engine *self, const uint8_t *crop, float *vector, failure *failure) {
  return recognizer_embed(&self->recognizer, &self->contract, crop, vector, failure);
}
