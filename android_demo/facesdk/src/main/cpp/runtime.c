#include "runtime.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>

static const char *const LIBRARIES[] = {"libtensorflowlite_jni.so", "libtensorflowlite_c.so"};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static runtime found;
static bool complete;

/* The library stays loaded: delegates and interpreters may outlive who asked for it. */
static void *open_library(void) {
  for (size_t i = 0; i < sizeof LIBRARIES / sizeof *LIBRARIES; ++i) {
    void *library = dlopen(LIBRARIES[i], RTLD_NOW);
    if (library != NULL) return library;
  }
  return NULL;
}

static const char *const NAMES[] = {
#define NAME(type, name, arguments) "TfLite" #name,
    RUNTIME_FUNCTIONS(NAME) RUNTIME_FAST_FUNCTIONS(NAME)
#undef NAME
};
#define ONE(type, name, arguments) +1
enum { FAST = RUNTIME_FAST_FUNCTIONS(ONE), FUNCTIONS = sizeof NAMES / sizeof *NAMES, NEEDED = FUNCTIONS - FAST };
#undef ONE

/* The structure has nothing but pointers to functions, in the order of their names; POSIX gives them as pointers to data. */
_Static_assert(sizeof(runtime) == FUNCTIONS * sizeof(void *), "runtime.h lists pointers to functions only");

static bool find_functions(void *library, runtime *lite, failure *failure) {
  void *functions[FUNCTIONS];
  bool fast = true;
  for (int i = 0; i < FUNCTIONS; ++i) {
    functions[i] = dlsym(library, NAMES[i]);
    if (i >= NEEDED) {
      fast = fast && functions[i] != NULL;
    } else if (functions[i] == NULL) {
      return fail(failure, FAILURE_RUNTIME,
                  "the app's TensorFlow Lite runtime is too old or incomplete: it has no function %s; use "
                  "org.tensorflow:tensorflow-lite:2.16.1 or newer, or LiteRT 1.x",
                  NAMES[i]);
    }
  }
  if (!fast) memset(functions + NEEDED, 0, FAST * sizeof *functions);
  memcpy(lite, functions, sizeof functions);
  return true;
}

const runtime *runtime_find(failure *failure) {
  (void)pthread_mutex_lock(&lock);
  if (!complete) {
    void *library = open_library();
    if (library == NULL) {
      (void)fail(failure, FAILURE_RUNTIME,
                 "the app brings no TensorFlow Lite runtime: %s is not there; add "
                 "org.tensorflow:tensorflow-lite:2.16.1 or LiteRT 1.x to its dependencies",
                 LIBRARIES[0]);
    } else {
      complete = find_functions(library, &found, failure);
      if (!complete) (void)dlclose(library);
    }
  }
  (void)pthread_mutex_unlock(&lock);
  return complete ? &found : NULL;
}
