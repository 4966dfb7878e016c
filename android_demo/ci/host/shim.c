/* The parts of Android's C library whose interface differs from glibc's on x86_64, for running Android's x86_64 libraries
 * in a host JVM. shim.py forwards every other function to glibc. Names start with bionic_ here. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct { char bytes[152]; } stream; /* a FILE of bionic, 64 bit */
stream bionic___sF[3];
__asm__(".symver bionic___sF, __sF@LIBC");

static FILE *file_of(void *file) {
  if (file == &bionic___sF[0]) return stdin;
  if (file == &bionic___sF[1]) return stdout;
  if (file == &bionic___sF[2]) return stderr;
  return file;
}

int bionic_vfprintf(void *file, const char *format, va_list arguments) { return vfprintf(file_of(file), format, arguments); }
int bionic_fprintf(void *file, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int written = vfprintf(file_of(file), format, arguments);
  va_end(arguments);
  return written;
}
int bionic_fputc(int character, void *file) { return fputc(character, file_of(file)); }
size_t bionic_fwrite(const void *from, size_t size, size_t count, void *file) { return fwrite(from, size, count, file_of(file)); }
size_t bionic_fread(void *to, size_t size, size_t count, void *file) { return fread(to, size, count, file_of(file)); }
int bionic_fflush(void *file) { return fflush(file == NULL ? NULL : file_of(file)); }
int bionic_fileno(void *file) { return fileno(file_of(file)); }
int bionic_fclose(void *file) { return fclose(file_of(file)); }

int *bionic___errno(void) { return &errno; }
size_t bionic___strlen_chk(const char *text, size_t size) { (void)size; return strlen(text); }
int bionic_strerror_r(int number, char *text, size_t size) {
  extern int __xpg_strerror_r(int, char *, size_t);
  return __xpg_strerror_r(number, text, size);
}
int bionic___system_property_get(const char *name, char *value) { (void)name; value[0] = 0; return 0; }
void bionic_android_set_abort_message(const char *text) { fprintf(stderr, "abort: %s\n", text); }

/* Constants of bionic's unistd.h. */
long bionic_sysconf(int name) {
  switch (name) {
    case 39: case 40: return sysconf(_SC_PAGESIZE);
    case 96: return sysconf(_SC_NPROCESSORS_CONF);
    case 97: return sysconf(_SC_NPROCESSORS_ONLN);
    default: errno = EINVAL; return -1;
  }
}

/* sigset_t has 8 bytes there, 128 here. */
int bionic_sigfillset(uint64_t *set) { *set = ~(uint64_t)0; return 0; }
int bionic_pthread_sigmask(int how, const uint64_t *set, uint64_t *before) {
  sigset_t wide, old;
  sigemptyset(&wide);
  if (set != NULL) memcpy(&wide, set, sizeof *set);
  const int status = pthread_sigmask(how, set != NULL ? &wide : NULL, &old);
  if (status == 0 && before != NULL) memcpy(before, &old, sizeof *before);
  return status;
}

int bionic___android_log_vprint(int priority, const char *tag, const char *format, va_list arguments) {
  (void)priority;
  fprintf(stderr, "%s: ", tag);
  const int written = vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  return written;
}
int bionic___android_log_print(int priority, const char *tag, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int written = bionic___android_log_vprint(priority, tag, format, arguments);
  va_end(arguments);
  return written;
}
