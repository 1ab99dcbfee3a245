/*
 * Mutual exclusion locks (mutex(9F)).
 *
 * A mutex that one thread enters twice, that a thread leaves which does not hold it, or that is used after it was
 * destroyed ends the process with a message. Memory that is all zeros is a mutex that nobody holds. Left out: spinning,
 * and waiting with interrupts blocked: no thread here runs above another.
 */
#ifndef DDI_DMA_SYS_MUTEX_H
#define DDI_DMA_SYS_MUTEX_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    MUTEX_ADAPTIVE = 0,
    MUTEX_SPIN = 1,
    MUTEX_DRIVER = 4,
    MUTEX_DEFAULT = 6
} kmutex_type_t;

typedef struct mutex {
    void *_opaque[1];
} kmutex_t;

#define MUTEX_HELD(mutex) (mutex_owned(mutex))
#define MUTEX_NOT_HELD(mutex) (!mutex_owned(mutex))

/* `name` and `arg` may be NULL; `arg` is the cookie of the interrupt whose handler enters the mutex. */
extern void mutex_init(kmutex_t *mp, DDI_DMA_NAME *name, kmutex_type_t type, void *arg);
extern void mutex_destroy(kmutex_t *mp);
extern void mutex_enter(kmutex_t *mp);
extern void mutex_exit(kmutex_t *mp);
/* Non-zero where it could be entered at once. */
extern int mutex_tryenter(kmutex_t *mp);
/* Non-zero where this thread holds it. */
extern int mutex_owned(const kmutex_t *mp);

#ifdef __cplusplus
}
#endif

#endif /* DDI_DMA_SYS_MUTEX_H */
