/*
 * Condition variables (condvar(9F)).
 *
 * Left out: signals. A wait that could be ended by one never is, and the functions that end in _sig say so with their
 * result.
 */
#ifndef DDI_DMA_SYS_CONDVAR_H
#define DDI_DMA_SYS_CONDVAR_H

#include <sys/mutex.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct _kcondvar {
    ushort_t _opaque;
} kcondvar_t;

typedef enum {
    CV_DEFAULT,
    CV_DRIVER
} kcv_type_t;

/* How exact a relative wait has to be. */
typedef enum {
    TR_NANOSEC,
    TR_MICROSEC,
    TR_MILLISEC,
    TR_SEC,
    TR_CLOCK_TICK,
    TR_COUNT
} time_res_t;

extern void cv_init(kcondvar_t *cvp, DDI_DMA_NAME *name, kcv_type_t type, void *arg);
extern void cv_destroy(kcondvar_t *cvp);
extern void cv_wait(kcondvar_t *cvp, kmutex_t *mp);
/* More than 0: no signal ended the wait. */
extern int cv_wait_sig(kcondvar_t *cvp, kmutex_t *mp);
/* `timeout` is a time of ddi_get_lbolt(9F). -1 where it came first; more than 0 otherwise. */
extern clock_t cv_timedwait(kcondvar_t *cvp, kmutex_t *mp, clock_t timeout);
extern clock_t cv_timedwait_sig(kcondvar_t *cvp, kmutex_t *mp, clock_t timeout);
/* The same, `delta` clock ticks from now. */
extern clock_t cv_reltimedwait(kcondvar_t *cvp, kmutex_t *mp, clock_t delta, time_res_t res);
extern clock_t cv_reltimedwait_sig(kcondvar_t *cvp, kmutex_t *mp, clock_t delta, time_res_t res);
extern void cv_signal(kcondvar_t *cvp);
extern void cv_broadcast(kcondvar_t *cvp);

#ifdef __cplusplus
}
#endif

#endif /* DDI_DMA_SYS_CONDVAR_H */
