/* The locks of the kernel: mutexes, condition variables, readers/writer locks, semaphores. */
#ifndef DDI_DMA_SYS_KSYNCH_H
#define DDI_DMA_SYS_KSYNCH_H

#include <sys/condvar.h>
#include <sys/mutex.h>
#include <sys/rwlock.h>
#include <sys/semaphore.h>
#include <sys/types.h>

#endif /* DDI_DMA_SYS_KSYNCH_H */
