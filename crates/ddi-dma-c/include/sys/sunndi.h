/*
 * Functions of nexus drivers.
 *
 * Left out: all of them; buses are the library's part here. Drivers of devices include this header and use nothing of
 * it.
 */
#ifndef DDI_DMA_SYS_SUNNDI_H
#define DDI_DMA_SYS_SUNNDI_H

#include <sys/types.h>
#include <sys/sunddi.h>

#endif /* DDI_DMA_SYS_SUNNDI_H */
