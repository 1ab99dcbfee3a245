/*
 * Flags of ddi_umem_alloc(9F) and ddi_umem_lock(9F).
 *
 * Left out: devmap(9E), with which a driver maps a device into a process; its cookie is here for the sake of
 * cb_ops(9S).
 */
#ifndef DDI_DMA_SYS_DDIDEVMAP_H
#define DDI_DMA_SYS_DDIDEVMAP_H

#include <sys/dditypes.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef void *devmap_cookie_t;
typedef struct as *ddi_as_handle_t;

#define DDI_UMEM_SLEEP 0x0
#define DDI_UMEM_NOSLEEP 0x01
#define DDI_UMEM_PAGEABLE 0x02
#define DDI_UMEM_TRASH 0x04

/* What is done to the memory: READ where a device is to be told its contents, WRITE where it writes them. */
#define DDI_UMEMLOCK_READ 0x01
#define DDI_UMEMLOCK_WRITE 0x02

#ifdef __cplusplus
}
#endif

#endif /* DDI_DMA_SYS_DDIDEVMAP_H */
