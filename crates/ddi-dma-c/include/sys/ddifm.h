/*
 * Errors of devices: asking a handle whether a transfer or an access failed (ddi_fm_dma_err_get(9F)).
 *
 * Left out: error reports (ereports) and the handlers of errors; nothing here collects them.
 */
#ifndef DDI_DMA_SYS_DDIFM_H
#define DDI_DMA_SYS_DDIFM_H

#include <sys/dditypes.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* fme_status */
#define DDI_FM_OK 0
#define DDI_FM_FATAL (-1)
#define DDI_FM_NONFATAL (-2)
#define DDI_FM_UNKNOWN (-3)

/* What a driver says it can do with errors. */
#define DDI_FM_NOT_CAPABLE 0x00000000
#define DDI_FM_EREPORT_CAPABLE 0x00000001
#define DDI_FM_ACCCHK_CAPABLE 0x00000002
#define DDI_FM_DMACHK_CAPABLE 0x00000004
#define DDI_FM_ERRCB_CAPABLE 0x00000008

#define DDI_FM_DEFAULT_CAP(cap) ((cap) == DDI_FM_NOT_CAPABLE)
#define DDI_FM_EREPORT_CAP(cap) ((cap) & DDI_FM_EREPORT_CAPABLE)
#define DDI_FM_ACC_ERR_CAP(cap) ((cap) & DDI_FM_ACCCHK_CAPABLE)
#define DDI_FM_DMA_ERR_CAP(cap) ((cap) & DDI_FM_DMACHK_CAPABLE)
#define DDI_FM_ERRCB_CAP(cap) ((cap) & DDI_FM_ERRCB_CAPABLE)

/* fme_flag */
#define DDI_FM_ERR_UNEXPECTED 0
#define DDI_FM_ERR_EXPECTED 1
#define DDI_FM_ERR_POKE 2
#define DDI_FM_ERR_PEEK 3

typedef struct ddi_fm_error {
    int fme_version;
    int fme_status;
    int fme_flag;
    uint64_t fme_ena;
    ddi_acc_handle_t fme_acc_handle;
    ddi_dma_handle_t fme_dma_handle;
    void *fme_bus_specific;
    int fme_bus_type;
} ddi_fm_error_t;

#define DDI_FME_VER0 0
#define DDI_FME_VER1 1
#define DDI_FME_VERSION DDI_FME_VER1

/* fme_bus_type */
#define DDI_FME_BUS_TYPE_DFLT 0
#define DDI_FME_BUS_TYPE_PCI 1

/* Leaves in *fm_capability what of it the system can do too. `ibcp` may be NULL. */
extern void ddi_fm_init(dev_info_t *dip, int *fm_capability, ddi_iblock_cookie_t *ibcp);
extern void ddi_fm_fini(dev_info_t *dip);
extern int ddi_fm_capable(dev_info_t *dip);

extern void ddi_fm_dma_err_get(ddi_dma_handle_t handle, ddi_fm_error_t *de, int version);
extern void ddi_fm_acc_err_get(ddi_acc_handle_t handle, ddi_fm_error_t *de, int version);
extern void ddi_fm_dma_err_clear(ddi_dma_handle_t handle, int version);
extern void ddi_fm_acc_err_clear(ddi_acc_handle_t handle, int version);

/* Tells, on standard error, what an error did to the service (DDI_SERVICE_LOST and its kind of <sys/sunddi.h>). */
extern void ddi_fm_service_impact(dev_info_t *dip, int impact);

#ifdef __cplusplus
}
#endif

#endif /* DDI_DMA_SYS_DDIFM_H */
