/* Semaphores (semaphore(9F)). Left out: signals, as in <sys/condvar.h>. */
#ifndef DDI_DMA_SYS_SEMAPHORE_H
#define DDI_DMA_SYS_SEMAPHORE_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    SEMA_DEFAULT,
    SEMA_DRIVER
} ksema_type_t;

typedef struct _ksema {
    void *_opaque[2];
} ksema_t;

#define SEMA_HELD(semaphore) (sema_held((semaphore)))

extern void sema_init(ksema_t *sp, uint_t val, DDI_DMA_NAME *name, ksema_type_t type, void *arg);
extern void sema_destroy(ksema_t *sp);
extern void sema_p(ksema_t *sp);
/* 0: no signal ended the wait. */
extern int sema_p_sig(ksema_t *sp);
extern void sema_v(ksema_t *sp);
/* Non-zero where it could be had at once. */
extern int sema_tryp(ksema_t *sp);
/* Non-zero where its value is 0. */
extern int sema_held(ksema_t *sp);

#ifdef __cplusplus
}
#endif

#endif /* DDI_DMA_SYS_SEMAPHORE_H */
