/*
 * Memory of the kernel (kmem_alloc(9F)).
 *
 * It is ordinary memory of the process. For memory that a device shall reach use ddi_dma_mem_alloc(9F), or one of
 * <ddi_dma.h>. Left out: caches of objects.
 */
#ifndef DDI_DMA_SYS_KMEM_H
#define DDI_DMA_SYS_KMEM_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KM_SLEEP 0x0000
#define KM_NOSLEEP 0x0001
#define KM_PANIC 0x0002
#define KM_PUSHPAGE 0x0004
#define KM_NORMALPRI 0x0008
#define KM_NOSLEEP_LAZY (KM_NOSLEEP | KM_NORMALPRI)
#define KM_VMFLAGS 0x00ff

/* With KM_NOSLEEP, NULL where there is none. 0 bytes are NULL too. */
extern void *kmem_alloc(size_t size, int flag);
extern void *kmem_zalloc(size_t size, int flag);
/* `size` is what was asked for. */
extern void kmem_free(void *buf, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* DDI_DMA_SYS_KMEM_H */
