/* Locks of many readers or one writer (rwlock(9F)). Left out: whose a lock is. */
#ifndef DDI_DMA_SYS_RWLOCK_H
#define DDI_DMA_SYS_RWLOCK_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    RW_DRIVER = 2,
    RW_DEFAULT = 4
} krw_type_t;

typedef enum {
    RW_WRITER,
    RW_READER,
    /* A reader that passes writers who wait. */
    RW_READER_STARVEWRITER
} krw_t;

typedef struct _krwlock {
    void *_opaque[1];
} krwlock_t;

#define RW_READ_HELD(lock) (rw_read_held((lock)))
#define RW_WRITE_HELD(lock) (rw_write_held((lock)))
#define RW_LOCK_HELD(lock) (rw_lock_held((lock)))

extern void rw_init(krwlock_t *rwlp, DDI_DMA_NAME *name, krw_type_t type, void *arg);
extern void rw_destroy(krwlock_t *rwlp);
extern void rw_enter(krwlock_t *rwlp, krw_t enter_type);
extern void rw_exit(krwlock_t *rwlp);
/* Non-zero where it could be entered at once. */
extern int rw_tryenter(krwlock_t *rwlp, krw_t enter_type);
extern void rw_downgrade(krwlock_t *rwlp);
/* Non-zero where the reader became the writer. */
extern int rw_tryupgrade(krwlock_t *rwlp);
/* Non-zero where readers hold it; 0 where this thread holds it as its writer. */
extern int rw_read_locked(krwlock_t *rwlp);
extern int rw_lock_held(krwlock_t *rwlp);
extern int rw_read_held(krwlock_t *rwlp);
extern int rw_write_held(krwlock_t *rwlp);

#ifdef __cplusplus
}
#endif

#endif /* DDI_DMA_SYS_RWLOCK_H */
