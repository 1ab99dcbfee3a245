/*
 * Configuration of the device tree at boot.
 *
 * Left out: all of it. A device is there from ddi_dma_open to ddi_dma_close of <ddi_dma.h>.
 */
#ifndef DDI_DMA_SYS_AUTOCONF_H
#define DDI_DMA_SYS_AUTOCONF_H

#include <sys/types.h>

#endif /* DDI_DMA_SYS_AUTOCONF_H */
