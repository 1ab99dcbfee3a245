/*
 * Time in nanoseconds, beside the C library's <sys/time.h>.
 *
 * Left out: the kernel's clocks and timers.
 */
#ifndef DDI_DMA_SYS_TIME_H
#define DDI_DMA_SYS_TIME_H

#include <sys/types.h>

#include_next <sys/time.h>

#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef SEC
#define SEC 1
#endif
#ifndef MILLISEC
#define MILLISEC 1000
#endif
#ifndef MICROSEC
#define MICROSEC 1000000
#endif
#ifndef NANOSEC
#define NANOSEC 1000000000LL
#endif

#define MSEC2NSEC(milliseconds) ((hrtime_t)(milliseconds) * (NANOSEC / MILLISEC))
#define NSEC2MSEC(nanoseconds) ((nanoseconds) / (NANOSEC / MILLISEC))
#define USEC2NSEC(microseconds) ((hrtime_t)(microseconds) * (NANOSEC / MICROSEC))
#define NSEC2USEC(nanoseconds) ((nanoseconds) / (NANOSEC / MICROSEC))
#define SEC2NSEC(seconds) ((hrtime_t)(seconds) * NANOSEC)
#define NSEC2SEC(nanoseconds) ((nanoseconds) / NANOSEC)

typedef longlong_t hrtime_t;

/* Nanoseconds since some moment in the past; they never go back. */
extern hrtime_t gethrtime(void);

#ifdef __cplusplus
}
#endif

#endif /* DDI_DMA_SYS_TIME_H */
