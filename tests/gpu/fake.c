/* A stand-in for libnvidia-ml.so.1, as its API reference describes the functions: two devices, whose behaviour the file CONTROL
 * sets: "ok", "lost" (the second device has fallen off the bus), "hang", "driver" (no driver), "none" (no device). */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SUCCESS = 0, NOT_SUPPORTED = 3, INSUFFICIENT_SIZE = 7, DRIVER_NOT_LOADED = 9, GPU_IS_LOST = 15 };
typedef struct { int number; } device_t;
static device_t devices[2] = { { 0 }, { 1 } };

static int is(const char *word) {
  char text[16] = "";
  FILE *file = fopen(CONTROL, "r");
  if (file) { if (!fgets(text, sizeof text, file)) text[0] = 0; fclose(file); }
  return strncmp(text, word, strlen(word)) == 0;
}
static int lost(device_t *d) {
  while (is("hang")) { FILE *file = fopen(CONTROL ".hangs", "w"); if (file) fclose(file); usleep(10000); }
  return d->number == 1 && is("lost") ? GPU_IS_LOST : SUCCESS;
}
#define DEVICE(name, ...) int name(device_t *d, ##__VA_ARGS__) { int bad = lost(d); if (bad) return bad;

int nvmlInit_v2(void) { return is("driver") ? DRIVER_NOT_LOADED : SUCCESS; }
int nvmlShutdown(void) { return SUCCESS; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = is("none") ? 0 : 2; return SUCCESS; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, device_t **d) { *d = &devices[index]; return SUCCESS; }
DEVICE(nvmlDeviceGetUUID, char *uuid, unsigned size) snprintf(uuid, size, "GPU-%08d-0000-4000-8000-000000000000", d->number); return SUCCESS; }
struct busy { unsigned gpu, memory; };
DEVICE(nvmlDeviceGetUtilizationRates, struct busy *b) b->gpu = 40; b->memory = 20; return SUCCESS; }
struct memory { unsigned version; unsigned long long total, reserved, free, used; };
DEVICE(nvmlDeviceGetMemoryInfo_v2, struct memory *m)
  m->total = 80ULL << 30; m->reserved = 0; m->free = 70ULL << 30; m->used = 10ULL << 30; return SUCCESS; }
DEVICE(nvmlDeviceGetTemperature, int sensor, unsigned *t) *t = 50 + d->number; return SUCCESS; }
DEVICE(nvmlDeviceGetFanSpeed_v2, unsigned fan, unsigned *percent) return NOT_SUPPORTED; }
DEVICE(nvmlDeviceGetTotalEccErrors, int type, int counter, unsigned long long *n) *n = 2; return type == 1 && counter == 0 ? SUCCESS : NOT_SUPPORTED; }
DEVICE(nvmlDeviceGetComputeRunningProcesses_v3, unsigned *count, void *infos) *count = 3; return INSUFFICIENT_SIZE; }
#ifndef OLD
DEVICE(nvmlDeviceGetTotalEnergyConsumption, unsigned long long *mj) *mj = 1000000; return d->number ? SUCCESS : NOT_SUPPORTED; }
#endif
DEVICE(nvmlDeviceGetPowerUsage, unsigned *mw) *mw = 250000; return SUCCESS; }
