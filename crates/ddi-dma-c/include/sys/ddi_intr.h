/*
 * Interrupts (ddi_add_intr(9F)). A handler runs on the thread of its device.
 *
 * Left out: the newer functions, from ddi_intr_alloc(9F) on, and soft interrupts; their types and constants are here.
 */
#ifndef DDI_DMA_SYS_DDI_INTR_H
#define DDI_DMA_SYS_DDI_INTR_H

#include <sys/dditypes.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* There is no such interrupt. */
#define DDI_INTR_NOTFOUND 1

/* What a handler returns: whether its device interrupted. */
#define DDI_INTR_CLAIMED 1
#define DDI_INTR_UNCLAIMED 0

#define DDI_INTR_TYPE_FIXED 0x1
#define DDI_INTR_TYPE_MSI 0x2
#define DDI_INTR_TYPE_MSIX 0x4

#define DDI_INTR_PRI_MIN 1
#define DDI_INTR_PRI_MAX 12

/* A priority, as the last argument of mutex_init(9F). */
#define DDI_INTR_PRI(pri) ((void *)((uintptr_t)(pri)))

typedef struct __ddi_intr_handle *ddi_intr_handle_t;
typedef struct __ddi_softint_handle *ddi_softint_handle_t;
typedef uint_t(ddi_intr_handler_t)(caddr_t arg1, caddr_t arg2);

/* DDI_SUCCESS, or DDI_FAILURE: there is no such interrupt. */
extern int ddi_get_iblock_cookie(dev_info_t *dip, uint_t inumber, ddi_iblock_cookie_t *iblock_cookiep);
/* Both cookies may be NULL. DDI_SUCCESS, DDI_INTR_NOTFOUND, or DDI_FAILURE: somebody handles it already. */
extern int ddi_add_intr(dev_info_t *dip, uint_t inumber, ddi_iblock_cookie_t *iblock_cookiep,
    ddi_idevice_cookie_t *idevice_cookiep, uint_t (*int_handler)(caddr_t int_handler_arg),
    caddr_t int_handler_arg);
/* Returns when the handler does not run and will not. */
extern void ddi_remove_intr(dev_info_t *dip, uint_t inumber, ddi_iblock_cookie_t iblock_cookie);
extern int ddi_dev_nintrs(dev_info_t *dip, int *resultp);
/* Non-zero where a handler may not wait for a mutex. */
extern int ddi_intr_hilevel(dev_info_t *dip, uint_t inumber);

#ifdef __cplusplus
}
#endif

#endif /* DDI_DMA_SYS_DDI_INTR_H */
