/*
 * Services of the boot loader.
 *
 * Left out: all of it. Nothing boots here.
 */
#ifndef DDI_DMA_SYS_BOOTSVCS_H
#define DDI_DMA_SYS_BOOTSVCS_H

#include <sys/types.h>

#endif /* DDI_DMA_SYS_BOOTSVCS_H */
